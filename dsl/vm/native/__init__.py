"""The C++ of the native machine, and how it is compiled on first use."""
