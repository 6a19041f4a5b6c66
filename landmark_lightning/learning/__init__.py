"""Learning: augmentation, network, objective, phases and the task that joins them."""
