"""Where incidents are told: one module for each kind of channel."""
