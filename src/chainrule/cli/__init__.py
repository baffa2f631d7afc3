"""The command `chainrule`: a face for the library, a file per subcommand."""
