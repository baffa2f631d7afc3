"""`python -m chainrule` is the command."""

from __future__ import annotations

from chainrule.cli.app import main

if __name__ == "__main__":
    main()
