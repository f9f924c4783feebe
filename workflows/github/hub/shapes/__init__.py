"""What the hub says, in the shapes of GitHub's description: pure functions from what it knows to JSON."""
