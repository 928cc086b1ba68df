"""VXLAN and Geneve: outer frames in, inner frames out."""
