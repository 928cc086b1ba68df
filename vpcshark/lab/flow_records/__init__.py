"""Flow logs as AWS keeps them, made of packets that were seen with a verdict. Must not know moto, namespaces, nor what
vpcshark makes of records: the product is not its own judge.
"""
