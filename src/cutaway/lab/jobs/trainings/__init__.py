"""What a job may train, one file a kind: settings of the page in, events and a folder out."""
