"""The lab's EC2 API: moto over HTTP on loopback, with Traffic Mirroring of our own and with faults on demand."""
