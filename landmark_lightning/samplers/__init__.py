"""Which faces come next.

``batch_sampler`` every face once an epoch, ``loss_balancer`` LPBB (Eq. 1), ``device_table`` the
same on the training device, ``sums`` the tables of weights, ``statistics`` who was drawn.
"""
