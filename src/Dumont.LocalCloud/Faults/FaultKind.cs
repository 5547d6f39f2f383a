namespace Dumont.LocalCloud.Faults;

/// <summary>Where in the handling of a call a fault takes effect.</summary>
internal enum FaultStage
{
    /// <summary>Before anything happened; the answer is the fault.</summary>
    Before,

    /// <summary>After the call did its work; the answer is lost, late, replaced or changed.</summary>
    After,

    /// <summary>Inside the call, which asks for it.</summary>
    Within,

    /// <summary>Something happens to the machine that the call is about: after a create, before any other call.</summary>
    Machine,
}

/// <summary>A number that a fault takes besides how often it strikes.</summary>
/// <param name="Name">As it is written in requests.</param>
/// <param name="Min">Smallest value.</param>
/// <param name="Max">Largest value.</param>
/// <param name="Default">Value where none is given; null means that one must be given.</param>
internal sealed record FaultNumber(string Name, double Min, double Max, double? Default = null);

/// <summary>A kind of fault that can be asked for.</summary>
/// <param name="Name">As it is written in requests.</param>
/// <param name="Stage">Where it takes effect.</param>
/// <param name="Operations">Operations that can suffer it.</param>
/// <param name="Effect">What the caller sees.</param>
internal sealed record FaultKind(string Name, FaultStage Stage, IReadOnlyList<string> Operations, string Effect)
{
    public const string AnswerLost = "answer-lost-after-effect";
    public const string CreateLeavesContract = "create-fails-leaves-contract";
    public const string OfferGone = "offer-gone";
    public const string EmptyListing = "empty-listing";
    public const string TooManyRequests = "too-many-requests";
    public const string ErrorBefore = "server-error-before";
    public const string ErrorAfter = "server-error-after";
    public const string SlowBoot = "slow-boot";
    public const string StuckLoading = "stuck-loading";
    public const string InsufficientCredit = "insufficient-credit";
    public const string Quota = "quota";
    public const string KeyRevoked = "key-revoked";
    public const string ScopeLost = "scope-lost";
    public const string Refused = "connection-refused-like";
    public const string NoAnswer = "no-answer-before-effect";
    public const string SuccessFalse = "success-false";
    public const string Slow = "slow";
    public const string Drip = "drip";
    public const string TruncatedBody = "truncated-body";
    public const string ResetMidBody = "reset-mid-body";
    public const string GarbageBody = "garbage-body";
    public const string HugeBody = "huge-body";
    public const string LyingStatus = "lying-status";
    public const string StatusFlaps = "status-flaps";
    public const string StaleListing = "stale-listing";
    public const string PageShift = "page-shift";
    public const string DuplicateId = "duplicate-id";
    public const string ClockSkew = "clock-skew";
    public const string PartialBatch = "partial-batch";
    public const string PriceChanged = "price-changed";
    public const string Preempt = "preempt";
    public const string Vanish = "vanish";
    public const string SshDead = "ssh-dead";
    public const string HostKeyChanged = "host-key-changed";
    public const string DiskFull = "disk-full";
    public const string FlippedByte = "flipped-byte";
    public const string LostWrite = "lost-write";

    private const double Day = 86_400;

    /// <summary>Every operation that a fault can name.</summary>
    public static readonly IReadOnlyList<string> AllOperations =
    [
        CloudOperation.Search, CloudOperation.Create, CloudOperation.List, CloudOperation.Get, CloudOperation.Start, CloudOperation.Stop, CloudOperation.Destroy,
        CloudOperation.Reboot, CloudOperation.Label, CloudOperation.Bid, CloudOperation.Volume,
        CloudOperation.Copy, CloudOperation.Billing, CloudOperation.Logs, CloudOperation.Command, CloudOperation.Keys, CloudOperation.Balance,
        CloudOperation.Metadata, CloudOperation.Catalogue, CloudOperation.Operation, CloudOperation.Token, CloudOperation.Batch,
        CloudOperation.DiskList, CloudOperation.DiskCreate, CloudOperation.DiskChange, CloudOperation.DiskAttach, CloudOperation.DiskDestroy,
        .. CloudOperation.OfS3,
    ];

    private static readonly string[] Shown = [CloudOperation.List, CloudOperation.Get];
    private static readonly string[] Begins = [CloudOperation.Create, CloudOperation.Start];

    // Calls about one machine, or about all of them.
    private static readonly string[] OnMachines =
    [
        CloudOperation.Create, CloudOperation.List, CloudOperation.Get, CloudOperation.Start, CloudOperation.Stop, CloudOperation.Destroy,
        CloudOperation.Reboot, CloudOperation.Label, CloudOperation.Logs,
    ];

    private static readonly FaultNumber[] OptionalDelay = [new("delay_seconds", 0.001, Day, 120)];

    /// <summary>The table of kinds. A new kind is a line here and, if it takes effect within a call, a question in that call.</summary>
    public static readonly IReadOnlyList<FaultKind> All =
    [
        new(Refused, FaultStage.Before, AllOperations, "the connection breaks before anything was read"),
        new(NoAnswer, FaultStage.Before, AllOperations, "nothing is done and nothing answered until the caller gives up, or delay_seconds pass") { Numbers = OptionalDelay },
        new(TooManyRequests, FaultStage.Before, AllOperations, "429: plain text on Vast.ai, rateLimitExceeded on Compute Engine"),
        new(ErrorBefore, FaultStage.Before, AllOperations, "500, or status 502, 503, 504; nothing was done") { Numbers = [new("status", 500, 504, 500)] },
        new(KeyRevoked, FaultStage.Before, AllOperations, "the key is unknown: 404 auth_error, 401 authError"),
        new(ScopeLost, FaultStage.Before, AllOperations, "the key may not do this: 403"),
        new(SuccessFalse, FaultStage.Before, AllOperations, "200 with success false, or an operation that ends in INTERNAL_ERROR; nothing was done")
        {
            GcpOperations = [CloudOperation.Create, CloudOperation.Start, CloudOperation.Stop, CloudOperation.Destroy],
            S3Operations = [],
        },
        new(AnswerLost, FaultStage.After, AllOperations, "the call takes effect and the connection breaks before the answer"),
        new(ErrorAfter, FaultStage.After, AllOperations, "500, or status 502, 503, 504, although the call took effect") { Numbers = [new("status", 500, 504, 500)] },
        new(Slow, FaultStage.After, AllOperations, "the call takes effect and its answer is delay_seconds late") { Numbers = [new("delay_seconds", 0.001, Day)] },
        new(Drip, FaultStage.After, AllOperations, "the answer comes bytes_per_second at a time") { Numbers = [new("bytes_per_second", 1, 1_000_000, 1)], S3Operations = [CloudOperation.ObjectGet] },
        new(FlippedByte, FaultStage.After, [CloudOperation.ObjectGet], "one bit in the middle of the object is another"),
        new(LostWrite, FaultStage.Within, [CloudOperation.ObjectPut, CloudOperation.UploadComplete], "success is answered, and there is no object"),
        new(TruncatedBody, FaultStage.After, AllOperations, "half of the answer, as if that were all"),
        new(ResetMidBody, FaultStage.After, AllOperations, "half of the answer, and the connection breaks"),
        new(GarbageBody, FaultStage.After, AllOperations, "200 with something else: variant html, types (values of wrong types) or nan (a bare NaN)") { S3Operations = [] },
        new(HugeBody, FaultStage.After, AllOperations, "the answer with size_mb of padding in front") { Numbers = [new("size_mb", 1, 1024, 100)], S3Operations = [] },
        new(ClockSkew, FaultStage.After, AllOperations, "the Date header and every instant in the answer are skew_seconds off") { Numbers = [new("skew_seconds", -Day, Day)], S3Operations = [] },
        new(LyingStatus, FaultStage.After, Shown, "a machine is shown in state, or as running when it is not and off when it runs; gone hides it") { PicksMachine = true },
        new(StatusFlaps, FaultStage.After, Shown, "every other time a machine is shown as unknown, or REPAIRING") { PicksMachine = true },
        new(StaleListing, FaultStage.After, [CloudOperation.List], "machines younger than delay_seconds are missing, those gone for less are still there") { Numbers = OptionalDelay },
        new(PageShift, FaultStage.After, [CloudOperation.List], "a page after the first lacks its first machine, as if one before it had gone between the calls"),
        new(DuplicateId, FaultStage.After, [CloudOperation.List], "a machine is listed twice") { PicksMachine = true },
        new(EmptyListing, FaultStage.Within, [CloudOperation.List, CloudOperation.Search], "the list is empty although there are things to list"),
        new(CreateLeavesContract, FaultStage.Within, [CloudOperation.Create], "an error answers although a stopped contract was made"),
        new(OfferGone, FaultStage.Within, [CloudOperation.Create, CloudOperation.Start], "the offer, or the zone's capacity, was taken by somebody else")
        {
            VastOperations = [CloudOperation.Create],
            Usual = CloudOperation.Create,
        },
        new(PriceChanged, FaultStage.Within, [CloudOperation.Create], "the price is factor times what the search said") { VastOnly = true, Numbers = [new("factor", 0.01, 100, 1.5)] },
        new(InsufficientCredit, FaultStage.Within, Begins, "refused for lack of money, or quota"),
        new(Quota, FaultStage.Within, Begins, "refused by a limit of the account: spend_rate_limit, or QUOTA_EXCEEDED inside the operation") { VastOperations = [CloudOperation.Create] },
        new(SlowBoot, FaultStage.Within, Begins, "the machine takes delay_seconds longer to run") { Numbers = [new("delay_seconds", 0.001, Day)] },
        new(StuckLoading, FaultStage.Within, Begins, "the machine is made and never runs"),
        new(PartialBatch, FaultStage.Within, [CloudOperation.Start, CloudOperation.Stop, CloudOperation.Destroy, CloudOperation.Batch], "the first half of several is done, the rest answered 500 or 503")
        {
            VastOperations = [CloudOperation.Start, CloudOperation.Stop, CloudOperation.Destroy],
            GcpOperations = [CloudOperation.Batch],
        },
        new(Preempt, FaultStage.Machine, OnMachines, "a bid is outbid for delay_seconds, a Spot VM preempted; others are passed over") { PicksMachine = true, Numbers = OptionalDelay },
        new(Vanish, FaultStage.Machine, OnMachines, "the machine and its disk are gone without a word") { PicksMachine = true },
        new(SshDead, FaultStage.Machine, OnMachines, "sshd ends, and does not come back before the next boot; the machine runs on") { PicksMachine = true },
        new(HostKeyChanged, FaultStage.Machine, OnMachines, "the machine has another host key from now on") { PicksMachine = true },
        new(DiskFull, FaultStage.Machine, OnMachines, "writing to the machine's disk fails with ENOSPC until the next boot") { PicksMachine = true },
    ];

    /// <summary>Numbers that it takes.</summary>
    public IReadOnlyList<FaultNumber> Numbers { get; init; } = [];

    /// <summary>Whether a target names one machine among those of a list.</summary>
    public bool PicksMachine { get; init; }

    /// <summary>Operation where none is named, though it has several.</summary>
    public string? Usual { get; init; }

    /// <summary>Whether it makes no sense on Compute Engine.</summary>
    public bool VastOnly { get; init; }

    /// <summary>Those of Vast.ai, where they are fewer.</summary>
    public IReadOnlyList<string>? VastOperations { get; init; }

    /// <summary>Those of Compute Engine, where they are fewer.</summary>
    public IReadOnlyList<string>? GcpOperations { get; init; }

    /// <summary>Those of S3, where they are fewer.</summary>
    public IReadOnlyList<string>? S3Operations { get; init; }

    public static FaultKind? Find(string? name) => All.FirstOrDefault(kind => kind.Name == name);

    /// <summary>Operations that can suffer it with one provider, or with any.</summary>
    public IReadOnlyList<string> OperationsOf(string? provider) => provider switch
    {
        "vast" => [.. (VastOperations ?? Operations).Where(operation => CloudOperation.IsOf(operation, "vast"))],
        "gcp" => VastOnly ? [] : [.. (GcpOperations ?? Operations).Where(operation => CloudOperation.IsOf(operation, "gcp"))],
        "s3" => S3Operations ?? [.. Operations.Where(operation => CloudOperation.IsOf(operation, "s3"))],
        _ => [.. Operations.Where(operation => !CloudOperation.IsOf(operation, "s3") || (S3Operations?.Contains(operation) ?? true))],
    };
}
