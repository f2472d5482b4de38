"""`python -m container` is the command `tag-container`."""

from container.cli import main

main()
