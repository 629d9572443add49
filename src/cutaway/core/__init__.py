"""The ground floor: errors, kernels, traces, text and files. Knows no topic and no torch."""
