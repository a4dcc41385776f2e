"""Generated code beside exact values and PyTorch: inputs, bounds, reports, and update rules over many steps."""
