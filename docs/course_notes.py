"""What the course page says: a sentence on every topic. Order and entries come from the catalogue."""

from __future__ import annotations

INTRODUCTION = """From one neuron to the Transformer and to diffusion, in the order in which parts need each other.
Every page holds the definitions, each step with its reason and its verdict, and the code where there is any."""

NOTES = {
    "networks": "A weighted sum, an activation, and the chain rule backwards through layers of them: backpropagation.",
    "activations": "The functions between the layers, with their derivatives, in the output where that is cheaper.",
    "identities": "Rules of matrix calculus, and how softmax, sigmoid, tanh and softplus are related.",
    "regression": "Losses for targets that are numbers, and what each does to outliers.",
    "classification": "Softmax and sigmoid with their cross-entropies, whose gradient is prediction minus target.",
    "information": "Cross-entropy, entropy and divergence, and why minimising one minimises the other.",
    "margins": "Losses that are zero once an answer is right by enough.",
    "penalties": "What weight decay adds to a gradient.",
    "bounds": "Inequalities with a certificate: bounded slopes, positive semidefinite Hessians, Gibbs' inequality.",
    "probability": "Expectations and variances, maximum likelihood, and the losses that follow from it.",
    "theory": "Why descent descends, how fast, what Newton's and the natural gradient add, and why gradients vanish.",
    "optimisers": "The update rules with their state, and the schedules of their step size.",
    "initialisation": "How large the weights should be at the start, so that variances survive the depth.",
    "constructions": "Networks written down by hand: what one neuron can compute, and what needs two layers.",
    "layers": "Residual connections and the normalisations, whose statistics depend on what they normalise.",
    "convolution": "Shared weights over positions, pooling, and the matrix product that a convolution is.",
    "recurrent": "Weights shared over time: backpropagation through the steps, and gates that keep it alive.",
    "attention": "Weighted means whose weights are computed: from one head to the Transformer block.",
    "preference": "Losses that compare: contrast between samples, and preference between answers.",
    "generative": "Two networks with opposite losses.",
    "diffusion": "Noise added step by step, and the network that learns to take it away.",
}
