"""What the commands of `identity-builder` do."""
