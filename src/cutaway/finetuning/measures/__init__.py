"""What answers are judged by, beyond accuracy: by class, by threshold, by confidence, with intervals."""
