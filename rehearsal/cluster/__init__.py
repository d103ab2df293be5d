"""The cluster that a rehearsal stands on: a real kube-apiserver with etcd, no controllers and no nodes."""
