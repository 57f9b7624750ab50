"""What a run looks like while it is under way: looks at its directory, and pictures of what they find."""
