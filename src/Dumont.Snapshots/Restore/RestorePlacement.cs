using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>The last step of a restore: what stands in staging takes its place, and when that fails or was cut short, what was there comes back.</summary>
/// <param name="isDurable">Whether it must outlast a loss of power before it counts.</param>
/// <param name="attributes">Sets modes, owners and times.</param>
/// <param name="counters">Of the restore.</param>
internal sealed class RestorePlacement(bool isDurable, AttributeWriter attributes, RestoreCounters counters)
{
    /// <summary>Brings a target that an earlier run left half done into one of two states: all of that run in place, or none of it.</summary>
    /// <param name="staging">Of that run.</param>
    /// <param name="journal">Of that run.</param>
    /// <param name="target">Root of the target, open.</param>
    /// <param name="mayFinish">Whether what it prepared is wanted and is certain to be whole.</param>
    public void Settle(RestoreStaging staging, RestoreJournal journal, int target, bool mayFinish)
    {
        staging.Prepare();
        var commit = new RestoreCommit(target, staging, attributes);
        if (!mayFinish || !TryFinish(commit, journal))
        {
            commit.RollBack(journal);
        }

        staging.Sync();
        staging.WriteJournal(journal with { State = JournalState.Done });
    }

    /// <summary>Puts the prepared tree or the prepared files in place. Where that fails, the target is as it was.</summary>
    /// <exception cref="UnfinishedPlacementException">And it could not be put back either.</exception>
    public void Place(RestorePlan plan, RestoreStaging staging, RestoreJournal journal, int target, int parent, string? placeName)
    {
        if (isDurable)
        {
            counters.Begin(RestorePhase.Syncing, 0, 0);
            staging.Sync();
        }

        counters.Begin(RestorePhase.Placing, 0, 0);
        if (placeName is not null)
        {
            PlaceTree(plan, staging, parent, placeName);
            return;
        }

        var commit = new RestoreCommit(target, staging, attributes);
        var described = commit.Describe(plan, journal with { BootId = RestoreJournal.CurrentBootId() });
        staging.WriteJournal(described);
        var isPlaced = false;
        try
        {
            commit.Apply(described);
            if (isDurable)
            {
                staging.Sync();
            }

            isPlaced = true;
            staging.WriteJournal(described with { State = JournalState.Done });
        }
        catch (Exception e)
        {
            RollBack(commit, staging, described, isPlaced, e);
            throw;
        }
    }

    /// <summary>Gives the root of the target its time: making and removing the staging directory has changed it.</summary>
    public static void SetRootTime(RestorePlan plan, int target, long before)
    {
        if (target < 0)
        {
            return;
        }

        if (plan.KeptDirectories.TryGetValue(TreePath.Root, out var root))
        {
            _ = Posix.SetTimes(target, [], root.ModifiedNs);
        }
        else if (!plan.Swaps.Any(static swap => swap.Path.Parent.IsRoot) && !plan.Removals.Any(static path => path.Parent.IsRoot))
        {
            _ = Posix.SetTimes(target, [], before);
        }
    }

    private static bool TryFinish(RestoreCommit commit, RestoreJournal journal)
    {
        try
        {
            commit.Apply(journal);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static void RollBack(RestoreCommit commit, RestoreStaging staging, RestoreJournal journal, bool mayBeDone, Exception cause)
    {
        try
        {
            if (mayBeDone)
            {
                // The journal that could not be made durable may be there all the same, and it says that there is nothing to undo.
                staging.WriteJournal(journal);
            }

            commit.RollBack(journal);
            staging.Sync();
            staging.WriteJournal(journal with { State = JournalState.Done });
        }
        catch (IOException e)
        {
            throw new UnfinishedPlacementException(
                $"{cause.Message}; and it could not be undone: {e.Message}. What was there is kept in {staging.Location}; the next restore puts it back", cause);
        }
    }

    private void PlaceTree(RestorePlan plan, RestoreStaging staging, int parent, string placeName)
    {
        var tree = Posix.Terminated(RestorePlanner.TreeName);
        var name = Posix.Terminated(placeName);
        if (Posix.Rename(staging.New, tree, parent, name, Libc.RENAME_NOREPLACE) < 0 &&
            (Marshal.GetLastPInvokeError() != Libc.EINVAL || Posix.Rename(staging.New, tree, parent, name, 0) < 0))
        {
            throw Posix.LastError("put the restored tree in place");
        }

        if (!attributes.IsRoot)
        {
            // It has all but its mode, with which it could not have been moved.
            using var placed = new DirectoryCache(parent);
            Libc.Check(LibcFd.FChmod(placed.Get(placeName), (uint)attributes.ModeOf(plan.Directories[1].Entry!)), "set the mode of the restored tree");
        }

        if (isDurable)
        {
            Libc.Check(LibcFd.FSync(parent), "make the name of the restored tree durable");
        }
    }
}

/// <summary>The target is between two states, and the journal is needed to get out of it.</summary>
internal sealed class UnfinishedPlacementException(string message, Exception cause) : IOException(message, cause);
