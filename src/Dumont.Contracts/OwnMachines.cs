using System.ComponentModel.DataAnnotations;

namespace Dumont.Contracts;

/// <summary>Joins a computer of one's own. Send it without <see cref="HostKeyFingerprint"/> first: the answer names the fingerprint that the computer
/// shows, to be compared and sent along.</summary>
public sealed record AddOwnMachineRequest
{
    /// <summary>Name for people, unique among the user's machines; the host when left out. 1 to 64 of letters, digits, dot, dash and underscore.</summary>
    [StringLength(64)]
    public string? Name { get; init; }

    /// <summary>Host name of <c>[a-z0-9.-]</c>, IPv4 or IPv6 address, as the server reaches it. The machines of an instance must reach it, too.</summary>
    [Required]
    [StringLength(253)]
    public string? Host { get; init; }

    /// <summary>Port of the computer's own sshd. Default 22.</summary>
    public int? Port { get; init; }

    /// <summary>Login name, <c>[a-z_][a-z0-9_-]*</c>: root, or a user with passwordless sudo. Default <c>root</c>.</summary>
    [StringLength(32)]
    public string? User { get; init; }

    /// <summary><c>SHA256:…</c> of the computer's Ed25519 host key. From then on no other key is accepted.</summary>
    [StringLength(64)]
    public string? HostKeyFingerprint { get; init; }

    /// <summary>OpenSSH private key without passphrase that is let in there; kept encrypted. When left out the user's own machine key is used, which
    /// must have been installed: <c>GET /own-machines/key</c>.</summary>
    [StringLength(16 * 1024)]
    public string? PrivateKey { get; init; }

    /// <summary>Folder on the computer that takes everything of an instance. Default <c>/var/lib/dumont-own</c>.</summary>
    [StringLength(520)]
    public string? Folder { get; init; }

    /// <summary>Port for the instance's own sshd; it must be free there and reachable. Default 22022.</summary>
    public int? InstancePort { get; init; }

    /// <summary>What it may serve as: <c>gpu</c>, <c>standby</c> or <c>both</c>. Default <c>gpu</c> where it has a GPU, else <c>standby</c>.</summary>
    [StringLength(16)]
    public string? Uses { get; init; }

    /// <summary>Where it stands, as marketplaces write it: <c>Lisbon, PT</c>. Default: not known.</summary>
    [StringLength(64)]
    public string? Location { get; init; }
}

/// <summary>A computer of a user's own.</summary>
public sealed record OwnMachineResponse
{
    /// <summary>Its number.</summary>
    public required long Id { get; init; }

    /// <summary>Name for people.</summary>
    public required string Name { get; init; }

    /// <summary>Where the server reaches it.</summary>
    public required string Host { get; init; }

    /// <summary>Port of its own sshd.</summary>
    public required int Port { get; init; }

    /// <summary>Login name.</summary>
    public required string User { get; init; }

    /// <summary><c>SHA256:…</c> of the pinned host key.</summary>
    public required string HostKeyFingerprint { get; init; }

    /// <summary>Folder on it that takes everything of an instance.</summary>
    public required string Folder { get; init; }

    /// <summary>Port for an instance's own sshd.</summary>
    public required int InstancePort { get; init; }

    /// <summary><c>gpu</c>, <c>standby</c> or <c>both</c>.</summary>
    public required string Uses { get; init; }

    /// <summary>Where it stands; null when not told.</summary>
    public required string? Location { get; init; }

    /// <summary><c>ready</c>, <c>unreachable</c>, <c>host_key_changed</c> or <c>unusable</c>.</summary>
    public required string State { get; init; }

    /// <summary>Why it is not ready; null when it is.</summary>
    public required string? Detail { get; init; }

    /// <summary>Id of its offer, for <c>POST /instances</c>.</summary>
    public required long OfferId { get; init; }

    /// <summary>Ready, and claimed by nobody.</summary>
    public required bool IsFree { get; init; }

    /// <summary>Instance of this user that has it; null when none has.</summary>
    public required long? InstanceId { get; init; }

    /// <summary>Somebody else's claim is on it: another Dumont server uses the same computer.</summary>
    public required bool IsClaimedElsewhere { get; init; }

    /// <summary>Name of its GPUs; null when there is none.</summary>
    public required string? GpuName { get; init; }

    /// <summary>Number of its GPUs.</summary>
    public required int NumGpus { get; init; }

    /// <summary>Memory of one GPU, GB.</summary>
    public required double GpuRam { get; init; }

    /// <summary>Processors.</summary>
    public required int CpuCores { get; init; }

    /// <summary>Memory, GB.</summary>
    public required double CpuRam { get; init; }

    /// <summary>Free disk for instances, GB, as of the last full check.</summary>
    public required double DiskSpace { get; init; }

    /// <summary>Its system.</summary>
    public required string OperatingSystem { get; init; }

    /// <summary>Share of checks in which it answered, 0 to 1.</summary>
    public required double Reliability { get; init; }

    /// <summary>When it joined.</summary>
    public required DateTimeOffset JoinedAt { get; init; }

    /// <summary>When it was asked last.</summary>
    public required DateTimeOffset CheckedAt { get; init; }
}

/// <summary>The user's own machines.</summary>
/// <param name="OwnMachines">In the order in which they joined.</param>
/// <param name="Count">How many.</param>
public sealed record OwnMachineListResponse(IReadOnlyList<OwnMachineResponse> OwnMachines, int Count);

/// <summary>The key to be let in on one's own machines.</summary>
/// <param name="PublicKey">Line for <c>authorized_keys</c>.</param>
/// <param name="Fingerprint"><c>SHA256:…</c>.</param>
public sealed record OwnMachineKeyResponse(string PublicKey, string Fingerprint);
