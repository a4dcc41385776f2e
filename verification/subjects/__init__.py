"""Hand-written gradients in all their forms, found, adapted to one form, and bound to tensors."""
