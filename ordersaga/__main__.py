"""`python -m ordersaga`: the command where no console script is installed, as in the image."""

from ordersaga.cli import main

if __name__ == "__main__":
    main()
