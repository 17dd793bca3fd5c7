"""The commands as they are typed: arguments and options. What they do is imported when they run."""
