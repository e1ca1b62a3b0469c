"""The codec server: shows Temporal's UI and command line what is encrypted, to those who may see it."""
