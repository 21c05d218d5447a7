"""`python -m demo` is `sloburn demo`."""

from demo.cli import app

if __name__ == "__main__":
    app(prog_name="sloburn demo")
