"""What a person or a tool may see of a running gateway: numbers on the console, words are made on the host."""
