"""Test runs as data: how a repository's tests are run, and what came out of each test."""
