"""The `dev` and `prod` stacks on AWS. Composition only."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

import pulumi
import pulumi_aws as aws
from pulumi_aws import ec2

from components.bus.cluster import LeafHost, NatsCluster, NatsClusterArgs, Place
from components.bus.exporters import ExporterHost, Exporters, ExportersArgs
from components.bus.server_change import RELEASES
from components.control_plane.admin_ingress import AdminIngress, AdminIngressArgs
from components.control_plane.cache import Cache, CacheArgs, CacheUser
from components.control_plane.database import NAME as DATABASE
from components.control_plane.database import Database, DatabaseArgs
from components.control_plane.eks_cluster import EksCluster, EksClusterArgs
from components.control_plane.image_repositories import ImageRepositories, ImageRepositoriesArgs
from components.control_plane.kubernetes_provider import ClusterAccess, kubernetes_provider
from components.control_plane.network_policy import NAME_LABEL, party_cidrs
from components.control_plane.platform import Platform, PlatformArgs
from components.control_plane.pod_flows import NAMESPACES, Program
from components.control_plane.pools import POOL_LABEL
from components.control_plane.programs import REPOSITORIES
from components.control_plane.storage_class import STORAGE_CLASS
from components.control_plane.workloads import oms, reference_data, reporting
from components.control_plane.workloads.context import BusCredential, WorkloadContext
from components.encryption_keys import EncryptionKeys, EncryptionKeysArgs, KeyUse
from components.hot_path.boot_objects import PREFIX, BootObjects, BootObjectsArgs
from components.hot_path.bundle_pin import BUNDLES
from components.hot_path.cloud_init import FILES_TAG, PIN_TAG, cloud_init
from components.hot_path.engine_bucket import EngineBucket, EngineBucketArgs
from components.hot_path.engine_bundles import EngineBundles, EngineBundlesArgs
from components.hot_path.host_files import HostFiles, host_files
from components.hot_path.host_roles import started_roles
from components.hot_path.hosts import HostPlace, HotPathHosts, HotPathHostsArgs
from components.hot_path.instance_role import InstanceRole, InstanceRoleArgs
from components.hot_path.rollout import Rollout, RolloutArgs, RolloutHost
from components.hot_path.rollout_plan import RolloutTarget
from components.hot_path.units import HostNetwork
from components.network.address_plan import Tier, subnet_cidr
from components.network.flows import Party, allowed_flows
from components.network.vpc import Network, NetworkArgs
from components.observability.observability import Observability, ObservabilityArgs
from components.observability.scrape_targets import OMS_JOB, BusHost, HotHost, PodTarget
from stacks.cloud_settings import CloudSettings
from stacks.stack_file import SettingsError

BUS_HOST = 10  # of each bus subnet: the first addresses are AWS's own
CACHE_USERS = (Program.RISK_ENGINE, Program.ADMIN)
DATABASE_USERS = (oms.USER, reference_data.USER, reporting.USER)


def program(settings: CloudSettings, artifacts: Path | None = None) -> None:
    """Registers every resource of the environment. artifacts: where this machine keeps what it has built."""
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
    files = files_of_hosts(settings)
    bundles = EngineBundles(
        "engine",
        EngineBundlesArgs(
            environment=environment,
            bucket=bucket.name,
            pins=(settings.engine.pin, *settings.engine.kept),
            artifacts=artifacts,
            must_exist=not settings.rehearsal,
        ),
        with_provider,
    )
    deploy_key = ec2.KeyPair("deploy", public_key=settings.hot_path.deploy_public_key, opts=with_provider)
    hosts = hot_path(settings, keys, network, bucket, bundles, files, deploy_key, with_provider)
    roll_out(settings, bucket, bundles, hosts, files)
    bus = bus_args(settings, keys, network, bucket, deploy_key, hosts, with_provider)
    nats = NatsCluster("bus", bus, with_provider)
    Exporters(
        "bus-exporters",
        exporters_args(nats),
        pulumi.ResourceOptions(depends_on=[*(each.changed for each in nats.servers)]),
    )
    cluster = EksCluster("eks", eks_args(settings, keys, network), with_provider)
    database = Database("database", database_args(settings, keys, network), with_provider)
    cache = Cache("cache", cache_args(settings, keys, network), with_provider)
    images = ImageRepositories(
        "images",
        ImageRepositoriesArgs(
            environment=environment, names=REPOSITORIES, kms_key_arn=keys.arns[KeyUse.IMAGES], protect=protect
        ),
        with_provider,
    )
    ingress = AdminIngress(
        "admin-ingress",
        AdminIngressArgs(
            environment=environment,
            vpc_id=network.vpc_id,
            subnet_ids=network.subnet_ids[Tier.INGRESS],
            security_group_id=network.security_group_ids[Party.ADMIN_INGRESS],
            group_name=cluster.node_groups.autoscaling_group("system"),
            protect=protect,
        ),
        with_provider,
    )
    on_cluster = with_provider
    if settings.platform.placed:
        context = workload_context(settings, keys, cluster, database, cache, images, nats)
        on_cluster = place(settings, keys, cluster, context, provider)
    Observability("observability", observability_args(settings, keys, cluster, hosts, nats), on_cluster)
    pulumi.export("hot_path_hosts", {name: host.instance_id for name, host in hosts.hosts.items()})
    pulumi.export("bus_urls", list(nats.urls))
    pulumi.export("bus_ca", nats.ca_pem)
    pulumi.export("kubernetes_endpoint", cluster.endpoint)
    pulumi.export("admin_address", ingress.address)
    pulumi.export("database_administrator_secret", database.secret_arn)
    pulumi.export("image_repositories", images.urls)


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
    bundles: EngineBundles,
    files: dict[str, HostFiles],
    deploy_key: ec2.KeyPair,
    opts: pulumi.ResourceOptions,
) -> HotPathHosts:
    wanted = settings.hot_path
    role = InstanceRole(
        "hot-path-role",
        InstanceRoleArgs(
            environment=settings.environment,
            artifact_bucket_arn=bucket.arn,
            artifact_prefixes=(BUNDLES, PREFIX, RELEASES),
            artifact_key_arn=keys.arns[KeyUse.S3],
        ),
        opts,
    )
    boot = BootObjects(
        "boot",
        BootObjectsArgs(
            environment=settings.environment,
            bucket=bucket.name,
            engine_sha256=settings.engine.pin.sha256,
            engine_key=bundles.objects[0].key,
            hosts=files,
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
            placement_group=wanted.placement_group,
            hosts=tuple(
                HostPlace(
                    name=host.name,
                    role=host.role,
                    user_data=cloud_init(),
                    instance_tags={FILES_TAG: boot.files_uris[host.name], PIN_TAG: boot.pin_uris[host.name]},
                )
                for host in wanted.hosts
            ),
            reserved=wanted.reserved,
            protect=settings.protected,
        ),
        opts,
    )


def files_of_hosts(settings: CloudSettings) -> dict[str, HostFiles]:
    """By host name."""
    wanted = settings.network
    network = HostNetwork(
        venue=wanted.venue_cidrs,
        scrapers=tuple(subnet_cidr(wanted.vpc_cidr, Tier.EKS_NODES, index) for index in range(len(settings.aws.zones))),
    )
    return {
        host.name: host_files(
            settings.hot_path.specification(host),
            network,
            started_roles(host.role, host.roles),
            settings.trading.inputs(host.name, settings.environment, wanted.venue),
        )
        for host in settings.hot_path.hosts
    }


def roll_out(
    settings: CloudSettings,
    bucket: EngineBucket,
    bundles: EngineBundles,
    hosts: HotPathHosts,
    files: dict[str, HostFiles],
) -> Rollout:
    wanted = settings.rollout
    return Rollout(
        "rollout",
        RolloutArgs(
            pin=settings.engine.pin,
            bucket=bucket.name,
            region=settings.aws.region,
            python=wanted.python,
            hosts=tuple(
                RolloutHost(
                    target=RolloutTarget(
                        name=host.name,
                        role=host.role,
                        roles=started_roles(host.role, files[host.name].roles),
                        specification_sha256=files[host.name].sha256,
                    ),
                    document=files[host.name].document,
                    instance_id=host.instance_id,
                    address=host.private_ip,
                    host_key=wanted.host_keys.get(host.name),
                )
                for host in hosts.hosts.values()
            ),
            gates_that_may_stay_closed=wanted.gates_that_may_stay_closed,
            user=wanted.user,
            private_key=private_key(wanted.private_key_file),
        ),
        pulumi.ResourceOptions(depends_on=[*(host.ready for host in hosts.hosts.values()), bundles.objects[0]]),
    )


def private_key(file: str | None) -> pulumi.Output[str] | None:
    """Raises SettingsError when the file cannot be read."""
    if file is None:
        return None
    try:
        return pulumi.Output.secret(Path(file).expanduser().read_text())
    except OSError as error:
        raise SettingsError(
            f"ironlane:rollout.private_key_file = {file!r}: {error.strerror}; to do without, leave the setting out"
            " and load the key into an SSH agent"
        ) from None


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
            artifact_prefixes=(RELEASES,),
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
    housekeeping = {
        host.name: settings.hot_path.specification(host).core_map.housekeeping for host in settings.hot_path.hosts
    }
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
                housekeeping=housekeeping[host.name],
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


def database_args(settings: CloudSettings, keys: EncryptionKeys, network: Network) -> DatabaseArgs:
    return DatabaseArgs(
        environment=settings.environment,
        region=settings.aws.region,
        account_id=settings.aws.account_id,
        settings=settings.platform.database,
        subnet_ids=network.subnet_ids[Tier.DATA],
        security_group_id=network.security_group_ids[Party.DATABASE],
        kms_key_arn=keys.arns[KeyUse.DATABASE],
        logs_key_arn=keys.arns[KeyUse.LOGS],
        protect=settings.protected,
    )


def cache_args(settings: CloudSettings, keys: EncryptionKeys, network: Network) -> CacheArgs:
    return CacheArgs(
        environment=settings.environment,
        settings=settings.platform.cache,
        users=tuple(CacheUser(name=program.value) for program in CACHE_USERS),
        subnet_ids=network.subnet_ids[Tier.DATA],
        security_group_id=network.security_group_ids[Party.CACHE],
        kms_key_arn=keys.arns[KeyUse.CACHE],
        protect=settings.protected,
    )


def workload_context(
    settings: CloudSettings,
    keys: EncryptionKeys,
    cluster: EksCluster,
    database: Database,
    cache: Cache,
    images: ImageRepositories,
    nats: NatsCluster,
) -> WorkloadContext:
    platform = settings.platform
    return WorkloadContext(
        environment=settings.environment,
        region=settings.aws.region,
        cluster_name=cluster.name,
        images=platform.images,
        repository_urls=dict(images.urls),
        replicas=platform.replicas,
        cidrs=party_cidrs(settings.network.vpc_cidr, len(settings.aws.zones), settings.network.administrator_cidrs),
        bus_urls=nats.urls,
        bus_credentials={
            user: BusCredential(ca=nats.ca_pem, certificate=each.certificate, key=each.key)
            for user, each in nats.credentials.items()
        },
        stream_limits=nats.stream_limits,
        database_address=database.address,
        database_name=DATABASE,
        database_ca_pem=platform.database_ca_pem,
        database_secret_arn=database.secret_arn,
        database_key_arn=keys.arns[KeyUse.DATABASE],
        database_logins={user: database.login_arn(user) for user in DATABASE_USERS},
        cache_address=cache.address,
        cache_logins={program.value: cache.login_arns(program.value) for program in CACHE_USERS},
    )


def place(
    settings: CloudSettings,
    keys: EncryptionKeys,
    cluster: EksCluster,
    context: WorkloadContext,
    provider: aws.Provider,
) -> pulumi.ResourceOptions:
    """The objects on the cluster, once its nodes and add-ons are there; returns the options of everything on it."""
    kubernetes = kubernetes_provider(
        "kubernetes",
        ClusterAccess(
            region=settings.aws.region, name=cluster.name, endpoint=cluster.endpoint, ca_data=cluster.ca_data
        ),
        pulumi.ResourceOptions(parent=cluster),
    )
    on_cluster = pulumi.ResourceOptions(providers={"aws": provider, "kubernetes": kubernetes}, depends_on=cluster.ready)
    Platform(
        "platform",
        PlatformArgs(
            kubernetes_version=settings.eks.version,
            volume_key_arn=keys.arns[KeyUse.EBS],
            network=allowed_flows(settings.network.venue),
            sizes=settings.platform.sizes,
            context=context,
        ),
        on_cluster,
    )
    return on_cluster


def exporters_args(nats: NatsCluster) -> ExportersArgs:
    return ExportersArgs(
        hosts=tuple(
            ExporterHost(name=each.member.name, address=each.member.address, connection=each.connection)
            for each in nats.servers
        )
    )


def observability_args(
    settings: CloudSettings, keys: EncryptionKeys, cluster: EksCluster, hosts: HotPathHosts, nats: NatsCluster
) -> ObservabilityArgs:
    vpc_cidr, zones = settings.network.vpc_cidr, range(len(settings.aws.zones))
    return ObservabilityArgs(
        environment=settings.environment,
        region=settings.aws.region,
        account_id=settings.aws.account_id,
        cluster_name=cluster.name,
        control_plane_cidrs=tuple(subnet_cidr(vpc_cidr, Tier.EKS_CONTROL_PLANE, zone) for zone in zones),
        alerts_key_arn=keys.arns[KeyUse.ALERTS],
        images_key_arn=keys.arns[KeyUse.IMAGES],
        storage_class=STORAGE_CLASS,
        pool_label=POOL_LABEL,
        hot_hosts=tuple(
            HotHost(name=host.name, address=host.private_ip, duty=host.role) for host in hosts.hosts.values()
        ),
        bus_hosts=tuple(BusHost(name=each.member.name, address=each.member.address) for each in nats.servers),
        pods=(
            PodTarget(
                job=OMS_JOB,
                namespace=NAMESPACES[Program.OMS].value,
                labels={NAME_LABEL: Program.OMS.value},
                port="http",
            ),
        ),
        flows=allowed_flows(settings.network.venue),
        settings=settings.observability,
        placed=settings.platform.placed,
        protect=settings.protected,
    )
