"""RMSNorm as Triton kernels: one program for each row of dx, one for 64 columns of dw; arithmetic in float32."""

import torch
import triton
import triton.language as tl

EPS = 1e-5


@triton.jit
def forward_kernel(x, w, y, scale, d, row, column, EPS: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0)
    squares = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(0, d, BLOCK):
        c = start + tl.arange(0, BLOCK)
        v = tl.load(x + i * row + c * column, mask=c < d, other=0.0).to(tl.float32)
        squares += v * v
    r = tl.rsqrt(tl.sum(squares, axis=0) / d + EPS)
    tl.store(scale + i, r)
    for start in range(0, d, BLOCK):
        c = start + tl.arange(0, BLOCK)
        v = tl.load(x + i * row + c * column, mask=c < d, other=0.0).to(tl.float32)
        g = tl.load(w + c, mask=c < d, other=0.0).to(tl.float32)
        tl.store(y + i * d + c, (v * r * g).to(y.dtype.element_ty), mask=c < d)


@triton.jit
def dx_kernel(dy, x, w, scale, dx, d, dy_row, dy_column, row, column, BLOCK: tl.constexpr):
    i = tl.program_id(0)
    r = tl.load(scale + i)
    products = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(0, d, BLOCK):
        c = start + tl.arange(0, BLOCK)
        inside = c < d
        u = tl.load(dy + i * dy_row + c * dy_column, mask=inside, other=0.0).to(tl.float32)
        v = tl.load(x + i * row + c * column, mask=inside, other=0.0).to(tl.float32)
        g = tl.load(w + c, mask=inside, other=0.0).to(tl.float32)
        products += u * g * v * r
    mean = tl.sum(products, axis=0) / d
    for start in range(0, d, BLOCK):
        c = start + tl.arange(0, BLOCK)
        inside = c < d
        u = tl.load(dy + i * dy_row + c * dy_column, mask=inside, other=0.0).to(tl.float32)
        v = tl.load(x + i * row + c * column, mask=inside, other=0.0).to(tl.float32)
        g = tl.load(w + c, mask=inside, other=0.0).to(tl.float32)
        tl.store(dx + i * d + c, (r * (u * g - v * r * mean)).to(dx.dtype.element_ty), mask=inside)


@triton.jit
def dw_kernel(dy, x, scale, dw, n, d, dy_row, dy_column, row, column, BLOCK: tl.constexpr):
    c = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = c < d
    total = tl.zeros((BLOCK,), dtype=tl.float32)
    for i in range(0, n):
        u = tl.load(dy + i * dy_row + c * dy_column, mask=inside, other=0.0).to(tl.float32)
        v = tl.load(x + i * row + c * column, mask=inside, other=0.0).to(tl.float32)
        total += u * v * tl.load(scale + i)
    tl.store(dw + c, total.to(dw.dtype.element_ty), mask=inside)


class RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        n, d = x.shape
        y = torch.empty((n, d), device=x.device, dtype=x.dtype)
        scale = torch.empty(n, device=x.device, dtype=torch.float32)
        forward_kernel[(n,)](x, w.contiguous(), y, scale, d, x.stride(0), x.stride(1), EPS=EPS, BLOCK=64)
        ctx.save_for_backward(x, w, scale)
        return y

    @staticmethod
    def backward(ctx, dy):
        x, w, scale = ctx.saved_tensors
        n, d = x.shape
        dx = torch.empty((n, d), device=x.device, dtype=x.dtype)
        dw = torch.empty(d, device=x.device, dtype=w.dtype)
        dx_kernel[(n,)](dy, x, w.contiguous(), scale, dx, d, *dy.stride(), *x.stride(), BLOCK=64)
        dw_kernel[(triton.cdiv(d, 64),)](dy, x, scale, dw, n, d, *dy.stride(), *x.stride(), BLOCK=64)
        return dx, dw


def rms_norm_forward(x, w):
    """The same kernels in plain functions, as code without autograd calls them."""
    n, d = x.shape
    y = torch.empty((n, d), device=x.device, dtype=x.dtype)
    scale = torch.empty(n, device=x.device, dtype=torch.float32)
    forward_kernel[(n,)](x, w.contiguous(), y, scale, d, x.stride(0), x.stride(1), EPS=EPS, BLOCK=64)
    return y, (x, w, scale)


def rms_norm_backward(dy, cache):
    x, w, scale = cache
    n, d = x.shape
    dx = torch.empty((n, d), device=x.device, dtype=x.dtype)
    dw = torch.empty(d, device=x.device, dtype=w.dtype)
    dx_kernel[(n,)](dy, x, w.contiguous(), scale, dx, d, *dy.stride(), *x.stride(), BLOCK=64)
    dw_kernel[(triton.cdiv(d, 64),)](dy, x, scale, dw, n, d, *dy.stride(), *x.stride(), BLOCK=64)
    return dx, dw
