using System.Collections.Concurrent;
using Dumont.LocalCloud.Billing;
using Dumont.LocalCloud.Machines;
using Dumont.LocalCloud.Market;

namespace Dumont.LocalCloud.Vast;

/// <summary>What a side of a copy is.</summary>
internal enum CopyKind
{
    Instance,
    Volume,
}

/// <summary>A place that files are copied from or to.</summary>
/// <param name="Kind">Instance or volume.</param>
/// <param name="Id">Of either.</param>
/// <param name="Path">Absolute path inside.</param>
internal sealed record CopyPlace(CopyKind Kind, long Id, string Path)
{
    public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{(Kind == CopyKind.Instance ? 'C' : 'V')}.{Id}:{Path}");
}

/// <summary>Copies under way. They go on after the call that began them and end with the program.</summary>
internal sealed class CopyDesk(
    ContractBook contracts, VolumeBook volumes, VolumeFiles files, ChargeBook charges, FileTransfer transfer, ILogger<CopyDesk> logger) : IHostedService, IDisposable
{
    private const int CopiesMax = 16;

    private readonly ConcurrentDictionary<int, Copy> _copies = new();
    private readonly CancellationTokenSource _stopping = new();
    private int _lastId;

    /// <summary>Begins a copy.</summary>
    /// <returns>What stands in the way, or null.</returns>
    public VastProblem? Begin(CopyPlace from, CopyPlace to)
    {
        lock (contracts.Gate)
        {
            if (FindProblem(from) is { } noSource)
            {
                return noSource;
            }

            if (FindProblem(to) is { } noTarget)
            {
                return noTarget;
            }

            if (_copies.Count >= CopiesMax)
            {
                return VastProblem.InvalidRequest($"{CopiesMax} copies are under way already");
            }

            if (_copies.Values.Any(copy => copy.To == to))
            {
                return VastProblem.InvalidRequest($"a copy to {to} is under way already");
            }

            var id = ++_lastId;
            var copy = new Copy(from, to, CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token));
            _copies[id] = copy;
            Show(copy, $"copying {from} to {to}");
            copy.Work = RunAsync(id, copy);
            return null;
        }
    }

    /// <summary>Ends every copy into an instance or volume; what has arrived stays.</summary>
    public void Cancel(CopyKind kind, long id)
    {
        foreach (var copy in _copies.Values.Where(copy => copy.To.Kind == kind && copy.To.Id == id))
        {
            copy.Cancellation.Cancel();
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_copies.Values.Select(copy => copy.Work));
    }

    public void Dispose() => _stopping.Dispose();

    private async Task RunAsync(int id, Copy copy)
    {
        // Leave the caller's lock before anything else.
        await Task.Yield();
        string? outcome = null;
        try
        {
            var bytes = await transfer.CopyAsync(EndOf(copy.From), EndOf(copy.To), copy.Cancellation.Token);
            Charge(copy, bytes);
            VastLog.Copied(logger, copy.From, copy.To, bytes);
        }
        catch (OperationCanceledException) when (copy.Cancellation.IsCancellationRequested)
        {
            outcome = $"copy to {copy.To} canceled";
        }
        catch (Exception e) when (e is MachineException or IOException or UnauthorizedAccessException or System.ComponentModel.Win32Exception)
        {
            VastLog.CopyFailed(logger, copy.From, copy.To, e);
            outcome = $"copy to {copy.To} failed: {e.Message}";
        }
        finally
        {
            _copies.TryRemove(id, out _);
            lock (contracts.Gate)
            {
                Show(copy, outcome);
            }

            copy.Cancellation.Dispose();
        }
    }

    private void Show(Copy copy, string? message)
    {
        foreach (var place in (CopyPlace[])[copy.From, copy.To])
        {
            if (place.Kind == CopyKind.Instance && contracts.Find(place.Id) is { } contract)
            {
                contract.CopyMessage = message;
            }
        }
    }

    // Bytes between two hosts cost at both; within one they do not leave it.
    private void Charge(Copy copy, long bytes)
    {
        lock (contracts.Gate)
        {
            if (HostOf(copy.From) is not { } source || HostOf(copy.To) is not { } target || source.MachineId == target.MachineId)
            {
                return;
            }

            charges.AddTraffic("vast", SourceName(copy.From), IdText(copy.From), ChargeKind.Bwu, bytes, (long)Math.Round(source.InetUpUsdPerGb * 1_000_000));
            charges.AddTraffic("vast", SourceName(copy.To), IdText(copy.To), ChargeKind.Bwd, bytes, (long)Math.Round(target.InetDownUsdPerGb * 1_000_000));
        }
    }

    private VastProblem? FindProblem(CopyPlace place) => place.Kind switch
    {
        CopyKind.Instance => contracts.Find(place.Id) switch
        {
            null => VastProblem.NoSuchInstance(place.Id),
            { HostDead: true } => VastProblem.InvalidRequest($"the host of instance {place.Id} is offline"),
            _ => null,
        },
        CopyKind.Volume => volumes.Find(place.Id) is null ? VolumeCloud.NoSuchVolume(place.Id) : null,
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private MarketHost? HostOf(CopyPlace place) => place.Kind == CopyKind.Instance ? contracts.Find(place.Id)?.Offer.Host : volumes.Find(place.Id)?.Host;

    private TransferEnd EndOf(CopyPlace place) => place.Kind == CopyKind.Instance
        ? new TransferEnd(Contract.KeyOf(place.Id), null, place.Path)
        : new TransferEnd(null, files.FolderOf(place.Id), place.Path);

    private static string SourceName(CopyPlace place) => place.Kind == CopyKind.Instance ? "instance" : "volume";

    private static string IdText(CopyPlace place) => place.Id.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private sealed class Copy(CopyPlace from, CopyPlace to, CancellationTokenSource cancellation)
    {
        public CopyPlace From => from;

        public CopyPlace To => to;

        public CancellationTokenSource Cancellation => cancellation;

        public Task Work { get; set; } = Task.CompletedTask;
    }
}
