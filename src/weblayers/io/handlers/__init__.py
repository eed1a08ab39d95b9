"""Where models are saved to and loaded from."""
