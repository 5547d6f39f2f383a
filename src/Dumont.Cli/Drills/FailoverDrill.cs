using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.Cli.Grammar;
using Dumont.Cli.Output;
using Dumont.Cli.Session;
using Dumont.Contracts;

namespace Dumont.Cli.Drills;

/// <summary>Loses the GPU of a live pair, or has the server switch, and watches from outside what happens: by the user's address, and by the server's records.</summary>
internal sealed class FailoverDrill(CommandContext context, DrillLog log, string instanceId, DrillFault fault, LocalCloud? cloud, int files)
{
    private const int FileBytes = 200_000;
    private const int HealthChecksBefore = 3;

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(60);
    private static readonly TimeSpan ProbeLimit = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan SyncPatience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan DefaultPatience = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan HiccupTime = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan GuardTime = TimeSpan.FromSeconds(6);

    private readonly TimeProvider _time = context.Environment.Time;
    private readonly DrillResult _result = new() { InstanceId = instanceId, Fault = fault };

    private TimeSpan Patience => context.Options.Timeout ?? DefaultPatience;

    /// <summary>Runs the drill to its end. The setup part of the log has begun.</summary>
    /// <exception cref="CliException">There is nothing to drill: no standby, not ready, no such machine at the local cloud.</exception>
    public async Task<DrillResult> RunAsync(CancellationToken cancellationToken)
    {
        await CheckPairAsync(cancellationToken);
        var shell = await SshShell.OpenAsync(context, instanceId, cancellationToken);
        using var workspace = new DrillWorkspace(shell, _time);
        try
        {
            var lost = await OperateAsync(shell, workspace, cancellationToken);
            var machine = await FindMachineAsync(lost, cancellationToken);
            try
            {
                await InjectAsync(machine, cancellationToken);
                await (fault.IsLoss ? FollowAsync(shell, workspace, lost, cancellationToken) : GuardAsync(shell, machine, cancellationToken));
            }
            finally
            {
                if (machine is not null)
                {
                    await cloud!.MendAsync(machine, CancellationToken.None);
                }
            }
        }
        finally
        {
            await workspace.ClearAsync(CancellationToken.None);
        }

        Judge();
        return _result;
    }

    private async Task CheckPairAsync(CancellationToken cancellationToken)
    {
        var instance = await GetAsync($"/api/v1/instances/{instanceId}", cancellationToken);
        log.Write(DrillLevel.Info, new(
            $"Instance {instanceId} ({Word(instance, "label")}): {Word(instance, "status")}, {Word(instance, "gpu_name")}",
            $"Instância {instanceId} ({Word(instance, "label")}): {Word(instance, "status")}, {Word(instance, "gpu_name")}"));
        var pair = await PairAsync(cancellationToken);
        if (Word(instance, "status") != "running" || Word(pair, "state") != "ready" || CellFormat.NumberOf(CellFormat.Field(pair, "sync_count")) is not > 0)
        {
            throw new CliException(
                ExitCode.Conflict,
                new(
                    $"instance {instanceId} is {Word(instance, "status")} and its standby {Word(pair, "state")}; a drill needs running and ready",
                    $"a instância {instanceId} está {Word(instance, "status")} e a reserva {Word(pair, "state")}; o exercício precisa de running e ready"),
                new("wait, and look with: dumont standby associations", "espere e veja com: dumont standby associations"));
        }

        var status = await GetAsync("/api/v1/standby/status", cancellationToken);
        _result.Recovers = CellFormat.Field(status, "config.auto_recovery")?.GetValue<bool>() ?? true;
        log.Write(DrillLevel.Success, new(
            $"✓ CPU standby {Word(pair, "cpu_standby.name")} in {Word(pair, "cpu_standby.zone")} is ready",
            $"✓ CPU standby {Word(pair, "cpu_standby.name")} em {Word(pair, "cpu_standby.zone")} pronta"));
    }

    private async Task<JsonNode?> PairAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await GetAsync($"/api/v1/standby/associations/{instanceId}", cancellationToken);
        }
        catch (DumontApiException e) when (e.Status == System.Net.HttpStatusCode.NotFound)
        {
            throw new CliException(
                ExitCode.Conflict,
                new($"instance {instanceId} has no standby, so there is nothing to switch to", $"a instância {instanceId} não tem reserva, não há para onde trocar"),
                new($"give it one: dumont standby provision {instanceId}", $"dê-lhe uma: dumont standby provision {instanceId}"));
        }
    }

    /// <summary>Writes, and waits for the standby to have it. Returns the name that the machine gives itself.</summary>
    private async Task<string> OperateAsync(SshShell shell, DrillWorkspace workspace, CancellationToken cancellationToken)
    {
        log.Begin(DrillPhase.Operation);
        var rounds = await RoundsAsync(cancellationToken);
        var began = _time.GetTimestamp();
        await workspace.BeginAsync(cancellationToken);
        for (var i = 0; i < files; i++)
        {
            var at = _time.GetTimestamp();
            await workspace.WriteAsync(FileBytes, cancellationToken);
            _result.FilesWritten++;
            if (await IsSyncedAsync(cancellationToken))
            {
                _result.FilesSynced++;
                log.Write(DrillLevel.Sync, new(
                    $"✓ file {i + 1}, {FileBytes / 1000} kB, is on the standby after {Seconds(_time.GetElapsedTime(at))}",
                    $"✓ arquivo {i + 1}, {FileBytes / 1000} kB, na reserva após {Seconds(_time.GetElapsedTime(at))}"));
            }
            else
            {
                log.Write(DrillLevel.Error, new($"✗ file {i + 1} is not on the standby", $"✗ arquivo {i + 1} não está na reserva"));
            }
        }

        for (var i = 0; i < HealthChecksBefore; i++)
        {
            await CheckHealthAsync(shell, cancellationToken);
        }

        _result.SyncRounds = await RoundsAsync(cancellationToken) - rounds;
        _result.SyncSeconds = _time.GetElapsedTime(began).TotalSeconds;
        var sight = await workspace.LookAsync(SyncPatience, cancellationToken)
            ?? throw new CliException(ExitCode.Failure, new("the instance does not answer by SSH", "a instância não responde por SSH"));
        return sight.HostName;
    }

    // A figure of zero may be older than the file; a round that succeeded after it was written is not.
    private async Task<bool> IsSyncedAsync(CancellationToken cancellationToken)
    {
        var (written, began) = (_time.GetUtcNow(), _time.GetTimestamp());
        while (_time.GetElapsedTime(began) < SyncPatience)
        {
            var pair = await PairAsync(cancellationToken);
            if (DateTimeOffset.TryParse(Word(pair, "last_sync_at"), CultureInfo.InvariantCulture, out var last) && last >= written)
            {
                return true;
            }

            await Task.Delay(PollInterval, _time, cancellationToken);
        }

        return false;
    }

    private async Task<string?> FindMachineAsync(string hostName, CancellationToken cancellationToken)
    {
        if (!fault.NeedsCloud)
        {
            return null;
        }

        return cloud is not null && await cloud.FindGpuAsync(instanceId, hostName, cancellationToken) is { } machine ? machine : throw new CliException(
            ExitCode.Conflict,
            new(
                $"{hostName} of instance {instanceId} is no machine of a local cloud that can be reached, so nothing can befall it",
                $"{hostName} da instância {instanceId} não é máquina de uma nuvem local acessível, nada pode atingi-la"),
            new("take the harmless fault=requested, or name the cloud: local_cloud=URL", "use o inofensivo fault=requested, ou nomeie a nuvem: local_cloud=URL"));
    }

    private async Task InjectAsync(string? machine, CancellationToken cancellationToken)
    {
        log.Begin(DrillPhase.Failure);
        _result.FaultAt = _time.GetUtcNow();
        if (machine is not null)
        {
            await cloud!.InjectAsync(fault, machine, cancellationToken);
        }
        else
        {
            await context.Session.SendAsync(ApiMethod.Post, $"/api/v1/standby/failover/simulate/{instanceId}?reason=drill", null, cancellationToken);
        }

        var level = fault.IsLoss && machine is not null ? DrillLevel.Error : DrillLevel.Info;
        log.Write(level, new($"✗ {fault.Name}: {fault.Text.English}", $"✗ {fault.Name}: {fault.Text.Portuguese}"));
    }

    private async Task FollowAsync(SshShell shell, DrillWorkspace workspace, string lost, CancellationToken cancellationToken)
    {
        log.Begin(DrillPhase.Detection);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            var greeting = GreetingAsync(shell, limit.Token);
            var answer = AnswerAsync(workspace, lost, limit.Token);
            var record = RecordAsync(limit.Token);
            var standby = await answer;
            await greeting;
            await record;
            if (_result.Recovers)
            {
                await ConfirmRecoveryAsync(workspace, lost, standby, limit.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            _result.Failures.Add(new($"not done within {Seconds(Patience)}", $"não terminou em {Seconds(Patience)}"));
        }
    }

    /// <summary>Greetings at the address until one comes after others have not: the health check of somebody who has only the address.</summary>
    private async Task GreetingAsync(SshShell shell, CancellationToken cancellationToken)
    {
        var (began, wasDown) = (_time.GetTimestamp(), false);
        while (!await CheckHealthAsync(shell, cancellationToken) || !wasDown)
        {
            wasDown = wasDown || _result.HealthChecksFailed > 0;

            // A switch that was asked for may be over before anybody notices.
            if (!wasDown && _result.Answer is not null)
            {
                return;
            }
        }

        _result.Banner = (_time.GetUtcNow() - _result.FaultAt) is var since && since > TimeSpan.Zero ? since : _time.GetElapsedTime(began);
    }

    private async Task<bool> CheckHealthAsync(SshShell shell, CancellationToken cancellationToken)
    {
        var at = _time.GetTimestamp();
        if (await shell.GreetsAsync(ProbeLimit, cancellationToken))
        {
            _result.HealthChecksGood++;
            log.Write(DrillLevel.Health, new($"✓ SSH greets in {_time.GetElapsedTime(at).TotalMilliseconds:0} ms", $"✓ SSH responde em {_time.GetElapsedTime(at).TotalMilliseconds:0} ms"));
            await Task.Delay(PollInterval, _time, cancellationToken);
            return true;
        }

        _result.HealthChecksFailed++;
        log.Write(DrillLevel.Health, new($"✗ no greeting at the address (failure {_result.HealthChecksFailed})", $"✗ sem resposta no endereço (falha {_result.HealthChecksFailed})"));
        await Task.Delay(TimeSpan.FromMilliseconds(5), _time, cancellationToken);
        return false;
    }

    private async Task<string> AnswerAsync(DrillWorkspace workspace, string lost, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await workspace.LookAsync(TimeSpan.FromSeconds(5), cancellationToken) is { } sight && sight.HostName != lost)
            {
                _result.Answer = _time.GetUtcNow() - _result.FaultAt;
                _result.FilesOnStandby = sight.IntactFiles;
                log.Write(DrillLevel.Success, new(
                    $"✓ {sight.HostName} answers at the same address, {Seconds(_result.Answer.Value)} after the fault",
                    $"✓ {sight.HostName} responde no mesmo endereço, {Seconds(_result.Answer.Value)} após a falha"));
                MeasureLoss(sight);
                return sight.HostName;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), _time, cancellationToken);
        }
    }

    // What was written after the fault on a machine that was cut off is another thing: it could not have been sent.
    private void MeasureLoss(DrillSight sight)
    {
        if (sight.LastStamp is not { } last)
        {
            return;
        }

        var age = _result.FaultAt - last;
        _result.Rpo = age > TimeSpan.Zero && fault.NeedsCloud ? age : TimeSpan.Zero;
        log.Write(DrillLevel.Metric, new(
            $"RPO {Seconds(_result.Rpo.Value)}; {_result.FilesOnStandby} of {_result.FilesWritten} files intact",
            $"RPO {Seconds(_result.Rpo.Value)}; {_result.FilesOnStandby} de {_result.FilesWritten} arquivos íntegros"));
    }

    /// <summary>The server's own record, until it is closed.</summary>
    private async Task RecordAsync(CancellationToken cancellationToken)
    {
        string? seen = null;
        while (true)
        {
            var id = _result.FailoverId;
            if (id is null)
            {
                id = CellFormat.Field(await PairAsync(cancellationToken), "failover_id")?.ToString();
                _result.FailoverId = id;
            }

            var failover = id is null ? null : await GetAsync($"/api/v1/standby/failover/status/{Uri.EscapeDataString(id)}", cancellationToken);
            var phase = failover is null ? null : Word(failover, "phase");
            if (phase is not null && phase != seen)
            {
                seen = phase;
                Note(failover!, phase);
            }

            if (phase == "failed")
            {
                _result.Failures.Add(new($"the failover failed: {Word(failover, "error")}", $"o failover falhou: {Word(failover, "error")}"));
            }

            if (phase is "complete" or "failed" || (!_result.Recovers && _result.Switch is not null))
            {
                return;
            }

            await Task.Delay(PollInterval, _time, cancellationToken);
        }
    }

    /// <summary>A phase was entered. Those before it that were too short to be seen have left their times.</summary>
    private void Note(JsonNode failover, string phase)
    {
        _result.PhaseTimings = (failover["phase_timings_ms"] as JsonObject)?.DeepClone().AsObject() ?? [];
        if (_result.Detection is null)
        {
            var confirmed = DateTimeOffset.Parse(Word(failover, "started_at"), CultureInfo.InvariantCulture);
            _result.Detection = confirmed - _result.FaultAt;
            log.Write(DrillLevel.Error, new(
                $"✗ The loss is confirmed {Seconds(_result.Detection.Value)} after the fault ({Word(failover, "reason")})",
                $"✗ A perda é confirmada {Seconds(_result.Detection.Value)} após a falha ({Word(failover, "reason")})"));
            log.Begin(DrillPhase.Failover);
        }

        if (_result.Switch is null && Timing("gpu_lost") is { } switched)
        {
            _result.Switch = switched;
            log.Write(DrillLevel.Success, new($"✓ Old GPU fenced, standby promoted, address switched in {Seconds(switched)}", $"✓ GPU antiga isolada, reserva promovida, endereço trocado em {Seconds(switched)}"));
        }

        switch (phase)
        {
            case "searching_gpu" or "provisioning" or "restoring":
                if (log.Durations().All(part => part.Phase != DrillPhase.Recovery))
                {
                    log.Begin(DrillPhase.Recovery);
                }

                log.Write(DrillLevel.Info, StepText(phase));
                break;
            case "complete":
                log.Write(DrillLevel.Success, new("✓ The new GPU writes; the lost machine is given back", "✓ A nova GPU escreve; a máquina perdida é devolvida"));
                break;
            default:
                break;
        }
    }

    private static Text StepText(string phase) => phase switch
    {
        "searching_gpu" => new("Searching a GPU like the lost one, never on its host", "Buscando uma GPU como a perdida, nunca no mesmo host"),
        "provisioning" => new("A GPU is rented, it boots and is prepared", "Uma GPU foi alugada, inicia e é preparada"),
        _ => new("The new GPU follows the standby until it has everything", "A nova GPU segue a reserva até ter tudo"),
    };

    private async Task ConfirmRecoveryAsync(DrillWorkspace workspace, string lost, string standby, CancellationToken cancellationToken)
    {
        if (_result.Failures.Count > 0)
        {
            return;
        }

        log.Begin(DrillPhase.Recovered);
        while (true)
        {
            if (await workspace.LookAsync(TimeSpan.FromSeconds(5), cancellationToken) is { } sight && sight.HostName != standby && sight.HostName != lost)
            {
                _result.Recovery = _time.GetUtcNow() - _result.FaultAt;
                _result.FilesOnNewGpu = sight.IntactFiles;
                log.Write(DrillLevel.Success, new(
                    $"✓ {sight.HostName} answers at the same address with {sight.IntactFiles} of {_result.FilesWritten} files, {Seconds(_result.Recovery.Value)} after the fault",
                    $"✓ {sight.HostName} responde no mesmo endereço com {sight.IntactFiles} de {_result.FilesWritten} arquivos, {Seconds(_result.Recovery.Value)} após a falha"));
                return;
            }

            await Task.Delay(PollInterval, _time, cancellationToken);
        }
    }

    /// <summary>Nothing was lost: nothing may happen, however long one looks.</summary>
    private async Task GuardAsync(SshShell shell, string? machine, CancellationToken cancellationToken)
    {
        log.Begin(DrillPhase.Detection);
        await Task.Delay(fault.Name == DrillFault.Hiccup ? HiccupTime : GuardTime, _time, cancellationToken);
        await cloud!.MendAsync(machine!, cancellationToken);
        await Task.Delay(TimeSpan.FromSeconds(2), _time, cancellationToken);
        var pair = await PairAsync(cancellationToken);
        var report = await GetAsync("/api/v1/standby/failover/report?days=1", cancellationToken);
        var isFalse = (report?["history"] as JsonArray ?? []).Any(failover =>
            Word(failover, "gpu_instance_id") == instanceId && DateTimeOffset.Parse(Word(failover, "started_at"), CultureInfo.InvariantCulture) >= _result.FaultAt);
        if (isFalse)
        {
            _result.Failures.Add(new("a failover although nothing was lost", "um failover embora nada tenha se perdido"));
        }

        if (!await shell.GreetsAsync(TimeSpan.FromSeconds(5), cancellationToken))
        {
            _result.Failures.Add(new("the instance does not answer any more", "a instância não responde mais"));
        }

        log.Write(isFalse ? DrillLevel.Error : DrillLevel.Success, new($"No failover was begun; the pair is {Word(pair, "state")}", $"Nenhum failover começou; o par está {Word(pair, "state")}"));
    }

    private void Judge()
    {
        log.End();
        if (!fault.IsLoss)
        {
            return;
        }

        _result.LostAfterFault = fault.ProgramsRunOn ? _result.Detection + _result.Switch : null;
        if (_result.Answer is null)
        {
            _result.Failures.Add(new("the standby never answered at the address", "a reserva nunca respondeu no endereço"));
        }

        if (fault.NeedsCloud && _result.Detection > DrillResult.DetectionLimit)
        {
            _result.Failures.Add(new($"detection took {Seconds(_result.Detection.Value)}", $"a detecção levou {Seconds(_result.Detection.Value)}"));
        }

        if (_result.Rpo is null || _result.Rpo > DrillResult.RpoLimit)
        {
            _result.Failures.Add(new($"the RPO is {(_result.Rpo is { } rpo ? Seconds(rpo) : "?")}", $"o RPO é {(_result.Rpo is { } loss ? Seconds(loss) : "?")}"));
        }

        if (_result.FilesOnStandby < _result.FilesSynced || (_result.Recovers && _result.FilesOnNewGpu < _result.FilesSynced))
        {
            _result.Failures.Add(new("a file that the standby had confirmed is not intact", "um arquivo que a reserva confirmou não está íntegro"));
        }
    }

    private TimeSpan? Timing(string phase) =>
        CellFormat.NumberOf(_result.PhaseTimings[phase]) is { } milliseconds ? TimeSpan.FromMilliseconds(milliseconds) : null;

    private async Task<long> RoundsAsync(CancellationToken cancellationToken) =>
        (long)(CellFormat.NumberOf(CellFormat.Field(await PairAsync(cancellationToken), "sync_count")) ?? 0);

    private Task<JsonNode?> GetAsync(string path, CancellationToken cancellationToken) =>
        context.Session.SendAsync(ApiMethod.Get, path, null, cancellationToken);

    private static string Word(JsonNode? node, string field) => CellFormat.Field(node, field)?.ToString() ?? "?";

    private static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.00} s");
}
