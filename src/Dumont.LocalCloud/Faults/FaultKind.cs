namespace Dumont.LocalCloud.Faults;

/// <summary>Where in the handling of a call a fault takes effect.</summary>
internal enum FaultStage
{
    /// <summary>Before anything happened; the answer is the fault.</summary>
    Before,

    /// <summary>After the call did its work; the answer is lost or replaced.</summary>
    After,

    /// <summary>Inside the call, which asks for it.</summary>
    Within,
}

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
    public const string InsufficientCredit = "insufficient-credit";

    /// <summary>Every operation that a fault can name.</summary>
    public static readonly IReadOnlyList<string> AllOperations =
    [
        CloudOperation.Search, CloudOperation.Create, CloudOperation.List, CloudOperation.Get, CloudOperation.Start, CloudOperation.Stop, CloudOperation.Destroy,
        CloudOperation.Reboot, CloudOperation.Label, CloudOperation.Bid, CloudOperation.Volume,
        CloudOperation.Copy, CloudOperation.Billing, CloudOperation.Logs, CloudOperation.Command, CloudOperation.Keys, CloudOperation.Balance,
        CloudOperation.Metadata, CloudOperation.Catalogue, CloudOperation.Operation, CloudOperation.Token,
    ];

    /// <summary>The table of kinds. A new kind is a line here and, if it takes effect within a call, a question in that call.</summary>
    public static readonly IReadOnlyList<FaultKind> All =
    [
        new(AnswerLost, FaultStage.After, AllOperations, "the call takes effect and the connection breaks before the answer"),
        new(CreateLeavesContract, FaultStage.Within, [CloudOperation.Create], "an error answers although a stopped contract was made"),
        new(OfferGone, FaultStage.Within, [CloudOperation.Create], "the offer, or the zone's capacity, was taken by somebody else"),
        new(EmptyListing, FaultStage.Within, [CloudOperation.List, CloudOperation.Search], "the list is empty although there are things to list"),
        new(TooManyRequests, FaultStage.Before, AllOperations, "429 as plain text"),
        new(ErrorBefore, FaultStage.Before, AllOperations, "500, nothing was done"),
        new(ErrorAfter, FaultStage.After, AllOperations, "500 although the call took effect"),
        new(SlowBoot, FaultStage.Within, [CloudOperation.Create, CloudOperation.Start], "the machine takes delay_seconds longer to run"),
        new(InsufficientCredit, FaultStage.Within, [CloudOperation.Create, CloudOperation.Start], "refused for lack of money"),
    ];

    public static FaultKind? Find(string? name) => All.FirstOrDefault(kind => kind.Name == name);
}
