using Dumont.Server.Instances;
using Dumont.Server.Platform.Events;

namespace Dumont.Server.Standby;

/// <summary>How far it holds that what was flushed on the writer is on the standby. Pure.</summary>
/// <remarks>
/// <code>
///   none ──asked for──▶ suspended ──pair is live──▶ renewing ──agent has everything from before over, too──▶ in force
///                          ▲                           │ pair is cut                                          │ cut for too long
///                          └───────────────────────────┴──────────────────────────────────────────────────────┘
/// </code>
/// What is recorded is the weaker of what agents do before and after a step: flushes wait from before <c>renewing</c> becomes
/// <c>in force</c> until after <c>in force</c> became <c>suspended</c>.
/// </remarks>
internal static class PromisePolicy
{
    /// <summary>The document with the promise as it stands now, in a pair without a failover.</summary>
    public static AssociationDocument Look(StandbyView view, AssociationDocument document, DateTimeOffset now, StandbyOptions options)
    {
        // Whoever looks here has found the writer well, or nothing that could take over.
        document = document with { Message = document.IsWithheld ? null : document.Message };
        if (!view.Rules.WaitsForStandby)
        {
            return document with { Promise = FlushPromise.None, CutSince = null };
        }

        var isLive = StandbyPolicy.StateOf(view, options) == AssociationState.Ready;
        document = document with { CutSince = isLive ? null : document.CutSince ?? now };
        var isBroken = document.CutSince is { } since && (document.Promise != FlushPromise.InForce || now - since >= options.FlushPatience);
        return isBroken ? document with { Promise = FlushPromise.Suspended }
            : document.Promise is FlushPromise.None or FlushPromise.Suspended ? document with { Promise = FlushPromise.Renewing, PromiseNumber = document.PromiseNumber + 1 }
            : document.Promise == FlushPromise.Renewing && view.Writer?.Report?.Promised == document.PromiseNumber ? document with { Promise = FlushPromise.InForce }
            : document;
    }

    /// <summary>What the user is told; null when nothing worth it has happened.</summary>
    public static NewEvent? EventOf(FlushPromise before, FlushPromise after) => (before, after) switch
    {
        (not FlushPromise.InForce, FlushPromise.InForce) => StandbyEvents.PromiseInForce(),
        (FlushPromise.InForce, FlushPromise.Suspended) => StandbyEvents.PromiseSuspended(),
        _ => null,
    };

    /// <summary>The writer or its follower changes: nothing that was flushed for the one is known of the other.</summary>
    public static FlushPromise AfterChange(FlushPromise promise) => promise == FlushPromise.None ? FlushPromise.None : FlushPromise.Suspended;

    /// <summary>Whether the standby may lack what a process was told was safe, so that no switch may happen that nobody ordered.</summary>
    public static bool IsWithheld(StandbyView view) => view.Rules.WaitsForStandby && view.Document.Promise != FlushPromise.InForce;
}
