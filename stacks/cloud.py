"""The `dev` and `prod` stacks on AWS. Composition only."""

from __future__ import annotations

from ipaddress import IPv4Network

import pulumi
import pulumi_aws as aws
from pulumi_aws import ec2

from components.bus.cluster import LeafHost, NatsCluster, NatsClusterArgs, Place
from components.control_plane.eks_cluster import EksCluster, EksClusterArgs
from components.encryption_keys import EncryptionKeys, EncryptionKeysArgs, KeyUse
from components.hot_path.engine_bucket import EngineBucket, EngineBucketArgs
from components.hot_path.hosts import HostPlace, HotPathHosts, HotPathHostsArgs
from components.hot_path.instance_role import InstanceRole, InstanceRoleArgs
from components.network.address_plan import Tier, subnet_cidr
from components.network.flows import Party
from components.network.vpc import Network, NetworkArgs
from stacks.cloud_settings import CloudSettings, HotPathSettings

BUS_HOST = 10  # of each bus subnet: the first addresses are AWS's own
HOUSEKEEPING = (0,)  # the one CPU that every core map keeps free of roles


def program(settings: CloudSettings) -> None:
    """Registers every resource of the environment."""
    provider = aws.Provider("aws", region=settings.aws.region, allowed_account_ids=[settings.aws.account_id])
    with_provider = pulumi.ResourceOptions(providers={"aws": provider})
    environment, protect = settings.environment, settings.protected
    keys = EncryptionKeys(
        "keys",
        EncryptionKeysArgs(
            environment=environment,
            region=settings.aws.region,
            account_id=settings.aws.account_id,
            protect=protect,
        ),
        with_provider,
    )
    network = Network("network", network_args(settings, keys), with_provider)
    bucket = EngineBucket(
        "engines",
        EngineBucketArgs(environment=environment, kms_key_arn=keys.arns[KeyUse.S3], protect=protect),
        with_provider,
    )
    deploy_key = ec2.KeyPair("deploy", public_key=settings.hot_path.deploy_public_key, opts=with_provider)
    hosts = hot_path(settings, keys, network, bucket, deploy_key, with_provider)
    bus = bus_args(settings, keys, network, bucket, deploy_key, hosts, with_provider)
    nats = NatsCluster("bus", bus, with_provider)
    cluster = EksCluster("eks", eks_args(settings, keys, network), with_provider)
    pulumi.export("hot_path_hosts", {name: host.instance_id for name, host in hosts.hosts.items()})
    pulumi.export("bus_urls", list(nats.urls))
    pulumi.export("bus_ca", nats.ca_pem)
    pulumi.export("kubernetes_endpoint", cluster.endpoint)


def network_args(settings: CloudSettings, keys: EncryptionKeys) -> NetworkArgs:
    network = settings.network
    return NetworkArgs(
        environment=settings.environment,
        region=settings.aws.region,
        zones=settings.aws.zones,
        hot_path_zone=settings.hot_path.zone,
        vpc_cidr=network.vpc_cidr,
        venue=network.venue,
        venue_cidrs=network.venue_cidrs,
        operator_cidrs=network.operator_cidrs,
        administrator_cidrs=network.administrator_cidrs,
        transit_gateway_id=network.transit_gateway_id,
        logs_key_arn=keys.arns[KeyUse.LOGS],
    )


def hot_path(
    settings: CloudSettings,
    keys: EncryptionKeys,
    network: Network,
    bucket: EngineBucket,
    deploy_key: ec2.KeyPair,
    opts: pulumi.ResourceOptions,
) -> HotPathHosts:
    wanted = settings.hot_path
    role = InstanceRole(
        "hot-path-role",
        InstanceRoleArgs(
            environment=settings.environment,
            artifact_bucket_arn=bucket.arn,
            artifact_prefixes=("engines/", "releases/nats/"),
            artifact_key_arn=keys.arns[KeyUse.S3],
        ),
        opts,
    )
    return HotPathHosts(
        "hot-path",
        HotPathHostsArgs(
            environment=settings.environment,
            zone=wanted.zone,
            subnet_zone=wanted.zone,
            subnet_id=network.subnet_ids[Tier.HOT_PATH][0],
            market_data_subnet_id=network.subnet_ids[Tier.MARKET_DATA][0],
            security_group_id=network.security_group_ids[Party.HOT_PATH],
            market_data_security_group_id=network.security_group_ids[Party.MARKET_DATA],
            instance_type=wanted.instance_type,
            cpu_options=wanted.cpu_options,
            ami_id=wanted.ami_id,
            key_name=deploy_key.key_name,
            profile_name=role.profile_name,
            volume_gib=wanted.volume_gib,
            volume_key_arn=keys.arns[KeyUse.EBS],
            hosts=host_places(wanted),
            reserved=wanted.reserved,
            protect=settings.protected,
        ),
        opts,
    )


def host_places(wanted: HotPathSettings) -> tuple[HostPlace, ...]:
    return tuple(HostPlace(name=host.name, role=host.role, user_data="#cloud-config\n{}\n") for host in wanted.hosts)


def bus_args(
    settings: CloudSettings,
    keys: EncryptionKeys,
    network: Network,
    bucket: EngineBucket,
    deploy_key: ec2.KeyPair,
    hosts: HotPathHosts,
    opts: pulumi.ResourceOptions,
) -> NatsClusterArgs:
    wanted = settings.bus
    role = InstanceRole(
        "bus-role",
        InstanceRoleArgs(
            environment=settings.environment,
            artifact_bucket_arn=bucket.arn,
            artifact_prefixes=("releases/nats/",),
            artifact_key_arn=keys.arns[KeyUse.S3],
        ),
        opts,
    )
    places = tuple(
        Place(
            zone=zone,
            subnet_id=network.subnet_ids[Tier.BUS][index],
            address=str(IPv4Network(subnet_cidr(settings.network.vpc_cidr, Tier.BUS, index))[BUS_HOST]),
            host_key=wanted.host_keys.get(f"nats-{index + 1}"),
        )
        for index, zone in enumerate(settings.aws.zones)
    )
    # the standby's leaf node changes before the active host's
    in_order = sorted(hosts.hosts.values(), key=lambda host: host.role == "active")
    return NatsClusterArgs(
        environment=settings.environment,
        region=settings.aws.region,
        places=places,
        security_group_id=network.security_group_ids[Party.BUS],
        instance_type=wanted.instance_type,
        ami_id=wanted.ami_id,
        key_name=deploy_key.key_name,
        profile_name=role.profile_name,
        release=wanted.release,
        bucket=bucket.name,
        volume=wanted.volume,
        volume_key_arn=keys.arns[KeyUse.EBS],
        load=wanted.load,
        limits=wanted.limits,
        leaf_hosts=tuple(
            LeafHost(
                name=host.name,
                address=host.private_ip,
                instance_id=host.instance_id,
                housekeeping=HOUSEKEEPING,
                ready=host.ready,
            )
            for host in in_order
        ),
        protect=settings.protected,
    )


def eks_args(settings: CloudSettings, keys: EncryptionKeys, network: Network) -> EksClusterArgs:
    eks = settings.eks
    return EksClusterArgs(
        environment=settings.environment,
        version=eks.version,
        control_plane_subnet_ids=network.subnet_ids[Tier.EKS_CONTROL_PLANE],
        node_subnet_ids=network.subnet_ids[Tier.EKS_NODES],
        control_plane_security_group_id=network.security_group_ids[Party.EKS_CONTROL_PLANE],
        node_security_group_id=network.security_group_ids[Party.EKS_NODES],
        secrets_key_arn=keys.arns[KeyUse.EKS],
        volume_key_arn=keys.arns[KeyUse.EBS],
        logs_key_arn=keys.arns[KeyUse.LOGS],
        public_endpoint=eks.public_endpoint,
        administrators=eks.administrators,
        viewers=eks.viewers,
        addons=eks.addons,
        kube_proxy_mode=eks.kube_proxy_mode,
        node_release=eks.node_release,
        pools=eks.pools,
        protect=settings.protected,
    )
