"""A trained classifier for other tools: a folder of the field's own format, an ONNX graph, merged weights."""
