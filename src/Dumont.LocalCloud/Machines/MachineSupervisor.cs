using System.Collections.Concurrent;

namespace Dumont.LocalCloud.Machines;

/// <summary>Brings every machine to what is wished of it, one step at a time per machine, any number of machines at once.</summary>
/// <remarks>
/// Wishes may be repeated as often as one likes. The processes live in sessions of their own and outlast this program; a new one
/// adopts those that it finds alive.
/// </remarks>
internal sealed class MachineSupervisor : IHostedService, IDisposable
{
    private static readonly TimeSpan RestartInterval = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, Slot> _slots = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Sandbox _sandbox;
    private readonly TimeProvider _time;
    private readonly ILogger<MachineSupervisor> _logger;

    public MachineSupervisor(Sandbox sandbox, string machinesFolder, TimeProvider time, ILogger<MachineSupervisor> logger)
    {
        (_sandbox, _time, _logger) = (sandbox, time, logger);
        Directory.CreateDirectory(machinesFolder);
        foreach (var folder in Directory.EnumerateDirectories(machinesFolder))
        {
            Adopt(Path.GetFileName(folder));
        }
    }

    /// <summary>States what is wanted; the machine follows on its own.</summary>
    public void Want(string key, MachineWish wish)
    {
        var slot = _slots.GetOrAdd(key, _ => new Slot());
        lock (slot)
        {
            slot.Wish = wish;
            if (slot.Work is null && !_stopping.IsCancellationRequested && !IsMet(wish, slot.State))
            {
                slot.Work = ConvergeAsync(key, slot);
            }
        }
    }

    /// <summary>What the machine does at this moment. A process that ended by itself is seen here.</summary>
    public MachineState Observe(string key)
    {
        if (!_slots.TryGetValue(key, out var slot))
        {
            return new MachineState.Gone();
        }

        lock (slot)
        {
            if (slot is { Work: null, State: MachineState.Up, Process.IsAlive: false })
            {
                slot.State = new MachineState.Down();
            }

            return slot.Work is null || IsMet(slot.Wish, slot.State) ? slot.State : new MachineState.Changing();
        }
    }

    /// <summary>Ends at once what runs, and waits until it has ended.</summary>
    public async Task KillAsync(string key)
    {
        Want(key, new MachineWish.Dead());
        await SettleAsync(key);
    }

    /// <summary>Gives a running machine these keys and no others of the cloud's.</summary>
    public void ApplyKeys(string key, IReadOnlyDictionary<string, IReadOnlyList<string>> keys)
    {
        _sandbox.FolderOf(key).WriteKeys(keys);
        _sandbox.ApplyKeys(key);
    }

    /// <summary>Makes a machine's <c>nvidia-smi</c> show these readings from now on.</summary>
    public void ShowGpus(string key, IReadOnlyList<GpuReading> gpus) => _sandbox.FolderOf(key).WriteGpus(gpus);

    /// <summary>Removes every machine that nobody rents any more.</summary>
    public void RemoveStrangers(IReadOnlySet<string> known)
    {
        foreach (var key in _slots.Keys.Where(key => !known.Contains(key)))
        {
            MachineLog.RemovingStranger(_logger, key);
            Want(key, new MachineWish.Removed());
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Stops every machine in good order. Their disks and wishes stay, so the next start boots them again.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_slots.Select(slot => StopOneAsync(slot.Key, slot.Value, cancellationToken)));
    }

    public void Dispose() => _stopping.Dispose();

    private async Task StopOneAsync(string key, Slot slot, CancellationToken cancellationToken)
    {
        await SettleAsync(key);
        if (slot.State is not MachineState.Gone)
        {
            await _sandbox.StopAsync(key, cancellationToken);
        }
    }

    private async Task SettleAsync(string key)
    {
        while (_slots.TryGetValue(key, out var slot))
        {
            Task? work;
            lock (slot)
            {
                work = slot.Work;
            }

            if (work is null)
            {
                return;
            }

            await work;
        }
    }

    private void Adopt(string key)
    {
        var slot = new Slot();
        if (_sandbox.FolderOf(key).FindProcess() is { Identity.IsAlive: true } process)
        {
            (slot.State, slot.Process) = (new MachineState.Up(process.Boot), process.Identity);
            slot.Wish = new MachineWish.Stopped();
            MachineLog.Adopted(_logger, key, process.Pid);
        }

        _slots[key] = slot;
    }

    private async Task ConvergeAsync(string key, Slot slot)
    {
        // Leave the caller's lock before anything else.
        await Task.Yield();
        while (true)
        {
            MachineWish wish;
            lock (slot)
            {
                if (IsMet(slot.Wish, slot.State) || _stopping.IsCancellationRequested)
                {
                    slot.Work = null;
                    return;
                }

                wish = slot.Wish;
            }

            try
            {
                await StepAsync(key, slot, wish);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                lock (slot)
                {
                    slot.Work = null;
                }

                return;
            }
            catch (Exception e) when (e is MachineException or IOException or UnauthorizedAccessException or System.ComponentModel.Win32Exception)
            {
                MachineLog.Failed(_logger, key, e);
                lock (slot)
                {
                    slot.State = new MachineState.Failed(wish is MachineWish.Running running ? running.Boot : 0, e.Message);
                    if (wish is not MachineWish.Running)
                    {
                        // Ending or deleting failed; the next wish tries again.
                        slot.Work = null;
                        return;
                    }
                }
            }
        }
    }

    private async Task StepAsync(string key, Slot slot, MachineWish wish)
    {
        var token = _stopping.Token;
        switch (wish)
        {
            case MachineWish.Running(var spec, var boot, var fresh):
                await _sandbox.StopAsync(key, token);
                await PauseBetweenBootsAsync(slot, boot, token);
                if (fresh)
                {
                    await _sandbox.WipeAsync(key, token);
                }

                var began = _time.GetTimestamp();
                slot.Process = await _sandbox.StartAsync(spec, boot, token);
                MachineLog.Booted(_logger, key, spec.Address, spec.SshPort, _time.GetElapsedTime(began).TotalMilliseconds);
                Set(slot, new MachineState.Up(boot));
                break;
            case MachineWish.Stopped:
                await _sandbox.StopAsync(key, token);
                Set(slot, new MachineState.Down());
                break;
            case MachineWish.Dead:
                await _sandbox.KillAsync(key, token);
                Set(slot, new MachineState.Down());
                break;
            case MachineWish.Removed:
                await _sandbox.RemoveAsync(key, token);
                Set(slot, new MachineState.Gone());
                _slots.TryRemove(key, out _);
                break;
        }
    }

    // A machine that ends by itself right after each boot must not keep this computer busy.
    private async Task PauseBetweenBootsAsync(Slot slot, int boot, CancellationToken cancellationToken)
    {
        if (slot.LastBoot == boot && _time.GetElapsedTime(slot.LastBootAt) < RestartInterval)
        {
            await Task.Delay(RestartInterval, _time, cancellationToken);
        }

        (slot.LastBoot, slot.LastBootAt) = (boot, _time.GetTimestamp());
    }

    private static void Set(Slot slot, MachineState state)
    {
        lock (slot)
        {
            slot.State = state;
        }
    }

    private static bool IsMet(MachineWish wish, MachineState state) => (wish, state) switch
    {
        (MachineWish.Running running, MachineState.Up up) => running.Boot == up.Boot,
        (MachineWish.Running running, MachineState.Failed failed) => running.Boot == failed.Boot,
        (MachineWish.Stopped or MachineWish.Dead, MachineState.Down or MachineState.Gone) => true,
        (MachineWish.Removed, MachineState.Gone) => true,
        _ => false,
    };

    private sealed class Slot
    {
        public MachineWish Wish { get; set; } = new MachineWish.Stopped();

        public MachineState State { get; set; } = new MachineState.Down();

        public ProcessIdentity? Process { get; set; }

        public Task? Work { get; set; }

        public int LastBoot { get; set; }

        public long LastBootAt { get; set; }
    }
}
