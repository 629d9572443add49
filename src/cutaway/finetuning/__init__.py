"""Room 5: a pretrained model to your task."""
