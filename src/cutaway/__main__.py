"""`python -m cutaway`, the same as `cutaway`."""

from cutaway.cli.main import run

if __name__ == "__main__":
    run()
