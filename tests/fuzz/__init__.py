"""Damaged and hostile input: targets that take bytes, a mutator that makes them, a runner that watches."""
