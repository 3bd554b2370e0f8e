"""The scripts, each in a folder of its own."""
