"""`python -m medvlsynther`: the command."""

from medvlsynther.cli import main

main()
