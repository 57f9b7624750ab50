"""The machines that execute one optimizer step inside a training loop, from one bytecode."""
