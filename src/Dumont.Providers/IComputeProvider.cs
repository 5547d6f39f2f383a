namespace Dumont.Providers;

/// <summary>One account at one provider of machines. Thread-safe. Every call has a timeout of its own; none is repeated behind the caller's
/// back when it may have cost money.</summary>
public interface IComputeProvider
{
    /// <summary>Provider word as it is stored and shown: <c>vast</c>, <c>gcp</c>, <c>ssh</c>.</summary>
    string Name { get; }

    /// <summary>What can be rented now, cheapest first.</summary>
    /// <exception cref="ProviderException">The provider could not be asked.</exception>
    Task<IReadOnlyList<MachineOffer>> SearchOffersAsync(OfferQuery query, CancellationToken cancellationToken);

    /// <summary>Asks once for a machine. Not idempotent at the provider: look the tag up before calling, and again after <see cref="CreateResult.Unknown"/>.</summary>
    Task<CreateResult> CreateAsync(CreateMachineRequest request, CancellationToken cancellationToken);

    /// <summary>Reads one machine by the provider's id.</summary>
    Task<MachineReading> GetAsync(string providerMachineId, CancellationToken cancellationToken);

    /// <summary>Reads every machine of the account, ours and others'.</summary>
    Task<MachineListing> ListAsync(CancellationToken cancellationToken);

    /// <summary>Starts a stopped machine; starting a running one is <see cref="EffectResult.Done"/>.</summary>
    Task<EffectResult> StartAsync(string providerMachineId, CancellationToken cancellationToken);

    /// <summary>Stops a machine and keeps its disk; stopping a stopped one is <see cref="EffectResult.Done"/>.</summary>
    Task<EffectResult> StopAsync(string providerMachineId, CancellationToken cancellationToken);

    /// <summary>Gives a machine and its disk back. <see cref="EffectResult.NotFound"/> means that the provider says it has none of that id.</summary>
    Task<EffectResult> DestroyAsync(string providerMachineId, CancellationToken cancellationToken);

    /// <summary>Money left, or null where the provider has no such notion.</summary>
    /// <exception cref="ProviderException">The provider could not be asked.</exception>
    Task<AccountBalance?> GetBalanceAsync(CancellationToken cancellationToken);
}

/// <summary>Narrows a search. Null means no limit. The caller filters again: a provider may answer more than asked.</summary>
public sealed record OfferQuery
{
    /// <summary>GPU names in the provider's spelling (<c>RTX 4090</c>); empty for any.</summary>
    public IReadOnlyList<string> GpuNames { get; init; } = [];

    /// <summary>Exact number of GPUs; null or 0 for any.</summary>
    public int? GpuCount { get; init; }

    /// <summary>Lowest price of the whole machine, $/h.</summary>
    public decimal? MinUsdPerHour { get; init; }

    /// <summary>Highest price of the whole machine, $/h.</summary>
    public decimal? MaxUsdPerHour { get; init; }

    /// <summary>Memory of one GPU, MiB.</summary>
    public double? MinGpuMemoryMiB { get; init; }

    /// <summary>Disk that will be allocated, GB; also what the price is computed for.</summary>
    public double? DiskGb { get; init; }

    /// <summary>0 to 1.</summary>
    public double? MinReliability { get; init; }

    /// <summary>Only hosts that the provider has verified.</summary>
    public bool VerifiedOnly { get; init; }

    /// <summary>Interruptible (bid, spot) rather than on demand.</summary>
    public bool Interruptible { get; init; }

    /// <summary>Only this offer, by the provider's id.</summary>
    public string? OfferId { get; init; }

    /// <summary>Most offers to return; default 64.</summary>
    public int Limit { get; init; } = 64;
}

/// <summary>A machine that can be rented now.</summary>
public sealed record MachineOffer
{
    /// <summary>The provider's id of the offer: digits at Vast.ai, <c>zone/machine-type/spot</c> at Google Cloud.</summary>
    public required string Id { get; init; }

    /// <summary>The provider's word, <see cref="IComputeProvider.Name"/>.</summary>
    public required string Provider { get; init; }

    /// <summary>Physical machine that the offer is a slice of; stable across offers. Null where unknown.</summary>
    public long? HostMachineId { get; init; }

    /// <summary>Owner of the physical machine.</summary>
    public long? HostId { get; init; }

    /// <summary>Provider's spelling, <c>RTX 4090</c>; null for a CPU machine.</summary>
    public string? GpuName { get; init; }

    /// <summary>0 for a CPU machine.</summary>
    public int GpuCount { get; init; }

    /// <summary>Memory of one GPU, MiB.</summary>
    public double GpuMemoryMiB { get; init; }

    /// <summary>Cores of the slice.</summary>
    public double CpuCores { get; init; }

    /// <summary>Memory of the slice, MiB.</summary>
    public double MemoryMiB { get; init; }

    /// <summary>Disk that can be allocated, GB.</summary>
    public double DiskGb { get; init; }

    /// <summary>Mbit/s.</summary>
    public double InetDownMbps { get; init; }

    /// <summary>Mbit/s.</summary>
    public double InetUpMbps { get; init; }

    /// <summary>What it costs to send from there, $/GB.</summary>
    public decimal InetUpUsdPerGb { get; init; }

    /// <summary>What it costs to receive there, $/GB.</summary>
    public decimal InetDownUsdPerGb { get; init; }

    /// <summary>Price of the whole machine with the disk of the query, $/h.</summary>
    public decimal UsdPerHour { get; init; }

    /// <summary>Lowest bid, $/h, where the offer is interruptible.</summary>
    public decimal? MinBidUsdPerHour { get; init; }

    /// <summary>Stored disk, $/GB/month.</summary>
    public decimal StorageUsdPerGbMonth { get; init; }

    /// <summary>As the provider writes it: <c>South Korea, KR</c>, or a zone.</summary>
    public string Geolocation { get; init; } = "";

    /// <summary>0 to 1.</summary>
    public double Reliability { get; init; }

    /// <summary>Verified by the provider.</summary>
    public bool Verified { get; init; }

    /// <summary>Has a public address of its own.</summary>
    public bool StaticIp { get; init; }

    /// <summary>Highest CUDA version of the driver, <c>12.4</c>; null for a CPU machine.</summary>
    public string? CudaVersion { get; init; }

    /// <summary>Peak TFLOPS of all GPUs.</summary>
    public double TotalTflops { get; init; }

    /// <summary>The provider's deep-learning score.</summary>
    public double DlPerf { get; init; }

    /// <summary>Interruptible (bid, spot).</summary>
    public bool Interruptible { get; init; }
}

/// <summary>What to rent.</summary>
public sealed record CreateMachineRequest
{
    /// <summary><see cref="MachineOffer.Id"/>.</summary>
    public required string OfferId { get; init; }

    /// <summary>Owner tag, <c>dumont/&lt;server&gt;/&lt;instance&gt;/&lt;ordinal&gt;</c>; a provider that allows no such text maps it to a name and back.</summary>
    public required string Tag { get; init; }

    /// <summary>Container image; providers of whole VMs ignore it.</summary>
    public string? Image { get; init; }

    /// <summary>Disk to allocate, GB.</summary>
    public required double DiskGb { get; init; }

    /// <summary>OpenSSH lines let in as root at boot.</summary>
    public required IReadOnlyList<string> AuthorizedKeys { get; init; }

    /// <summary>User's script, run at each start; null for none.</summary>
    public string? OnStart { get; init; }

    /// <summary>Environment variables of the machine.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Container ports to publish.</summary>
    public IReadOnlyList<int> Ports { get; init; } = [];

    /// <summary>Bid in $/h for an interruptible machine; null for on demand.</summary>
    public decimal? BidUsdPerHour { get; init; }
}

/// <summary>How a create call ended.</summary>
public abstract record CreateResult
{
    private CreateResult()
    {
    }

    /// <summary>The machine exists under this id.</summary>
    public sealed record Created(string ProviderMachineId) : CreateResult;

    /// <summary>Taken, expired or never there; nothing was rented.</summary>
    public sealed record OfferGone : CreateResult;

    /// <summary>Not enough credit; nothing was rented.</summary>
    public sealed record InsufficientCredit : CreateResult;

    /// <summary>Refused for a reason that will not pass by itself; nothing was rented.</summary>
    public sealed record Rejected(ProviderErrorKind Kind, string Reason) : CreateResult;

    /// <summary>The call failed and yet left a machine that bills: it must be destroyed.</summary>
    public sealed record LeftMachine(string ProviderMachineId, string Reason) : CreateResult;

    /// <summary>No answer or an answer that proves nothing: a machine may exist. Look the tag up.</summary>
    public sealed record Unknown(string Reason) : CreateResult;
}

/// <summary>Three-valued answer to "what about this machine?". <see cref="Unknown"/> never justifies a destructive step.</summary>
public abstract record MachineReading
{
    private MachineReading()
    {
    }

    /// <summary>It exists.</summary>
    public sealed record Present(ProviderMachine Machine) : MachineReading;

    /// <summary>The provider itself said that it has no such machine.</summary>
    public sealed record Absent(string Proof) : MachineReading;

    /// <summary>Could not be told.</summary>
    public sealed record Unknown(ProviderErrorKind Kind, string Reason) : MachineReading;
}

/// <summary>Answer to "which machines are there?".</summary>
public abstract record MachineListing
{
    private MachineListing()
    {
    }

    /// <summary>All pages were read. May still lag behind reality: absence from one listing proves nothing.</summary>
    public sealed record Complete(IReadOnlyList<ProviderMachine> Machines) : MachineListing;

    /// <summary>Could not be told.</summary>
    public sealed record Unknown(ProviderErrorKind Kind, string Reason) : MachineListing;
}

/// <summary>How a start, stop or destroy ended.</summary>
public abstract record EffectResult
{
    private EffectResult()
    {
    }

    /// <summary>Accepted; the machine will get there, or is there already.</summary>
    public sealed record Done : EffectResult;

    /// <summary>Accepted but waits for a resource, for instance a GPU that somebody else has.</summary>
    public sealed record Queued(string Reason) : EffectResult;

    /// <summary>The provider says it has no machine of that id.</summary>
    public sealed record NotFound : EffectResult;

    /// <summary>Refused; will not pass by itself.</summary>
    public sealed record Rejected(ProviderErrorKind Kind, string Reason) : EffectResult;

    /// <summary>No answer or one that proves nothing: may have happened. Safe to repeat.</summary>
    public sealed record Unknown(ProviderErrorKind Kind, string Reason) : EffectResult;
}

/// <summary>State of a machine in words common to all providers.</summary>
public enum ProviderMachineState
{
    /// <summary>Rented, nothing runs yet.</summary>
    Provisioning,

    /// <summary>Image or disk is being prepared.</summary>
    Loading,

    /// <summary>The provider says it runs; SSH may still be closed.</summary>
    Running,

    /// <summary>On its way to stopped.</summary>
    Stopping,

    /// <summary>Stopped because it was asked to be; the disk is kept and billed.</summary>
    Stopped,

    /// <summary>Stopped by the provider: outbid or preempted.</summary>
    Interrupted,

    /// <summary>Will not start: image or daemon error.</summary>
    Failed,

    /// <summary>The host is silent.</summary>
    Offline,
}

/// <summary>A machine as its provider describes it.</summary>
public sealed record ProviderMachine
{
    /// <summary>Id in the provider's own words; at Google Cloud <c>zone/name</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Owner tag, or null when it bears none that we understand.</summary>
    public string? Tag { get; init; }

    /// <summary>Where it is in its life.</summary>
    public required ProviderMachineState State { get; init; }

    /// <summary>Provider's own status text.</summary>
    public string? StatusMessage { get; init; }

    /// <summary>Where its sshd answers; null while unknown.</summary>
    public string? SshHost { get; init; }

    /// <summary>As above.</summary>
    public int? SshPort { get; init; }

    /// <summary>Host key that its sshd shows after its first boot, <c>ssh-ed25519 AAAA…</c>; null where the provider does not tell, so that the
    /// first contact has to.</summary>
    public string? BootHostKey { get; init; }

    /// <summary>Public address; null while unknown.</summary>
    public string? PublicIp { get; init; }

    /// <summary>Container port with its protocol (<c>8080/tcp</c>) → outside port. Empty where ports are not translated.</summary>
    public IReadOnlyDictionary<string, int> Ports { get; init; } = new Dictionary<string, int>();

    /// <summary>Physical machine.</summary>
    public long? HostMachineId { get; init; }

    /// <summary>Provider's spelling; null for a CPU machine.</summary>
    public string? GpuName { get; init; }

    /// <summary>0 for a CPU machine.</summary>
    public int GpuCount { get; init; }

    /// <summary>Rented with a bid or as spot. Where the provider does not tell who stopped a machine (Vast.ai), a
    /// <see cref="ProviderMachineState.Stopped"/> one that is interruptible and that nobody asked to stop was interrupted.</summary>
    public bool Interruptible { get; init; }

    /// <summary>Price now, $/h.</summary>
    public decimal? UsdPerHour { get; init; }

    /// <summary>As the provider writes it.</summary>
    public string? Geolocation { get; init; }

    /// <summary>When it was rented; null where the provider does not tell.</summary>
    public DateTimeOffset? CreatedAt { get; init; }
}

/// <summary>Money at a provider, in US dollars.</summary>
/// <param name="CreditUsd">What can be spent.</param>
/// <param name="BalanceUsd">As the provider's books say; may be negative.</param>
/// <param name="Email">Account's address, when told.</param>
public sealed record AccountBalance(decimal CreditUsd, decimal BalanceUsd, string? Email);
