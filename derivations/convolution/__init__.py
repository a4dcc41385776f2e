"""Convolution and pooling"""

PAGE = ("conv1d", "conv2d", "conv-equivariance", "im2col", "avg-pool2d", "max-pool2d", "upsample-nearest")
