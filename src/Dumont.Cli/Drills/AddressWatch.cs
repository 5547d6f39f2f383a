using Dumont.Cli.Session;

namespace Dumont.Cli.Drills;

/// <summary>The address of the instance, as its user sees it.</summary>
internal sealed class AddressWatch(SshShell shell, DrillLog log, DrillResult result, TimeProvider time)
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(60);
    private static readonly TimeSpan ProbeLimit = TimeSpan.FromMilliseconds(250);

    /// <summary>One look: a health check of somebody who has only the address.</summary>
    public async Task<bool> CheckAsync(CancellationToken cancellationToken)
    {
        var at = time.GetTimestamp();
        if (await shell.GreetsAsync(ProbeLimit, cancellationToken))
        {
            result.HealthChecksGood++;
            log.Write(DrillLevel.Health, new($"✓ SSH greets in {time.GetElapsedTime(at).TotalMilliseconds:0} ms", $"✓ SSH responde em {time.GetElapsedTime(at).TotalMilliseconds:0} ms"));
            await Task.Delay(PollInterval, time, cancellationToken);
            return true;
        }

        result.HealthChecksFailed++;
        log.Write(DrillLevel.Health, new($"✗ no greeting at the address (failure {result.HealthChecksFailed})", $"✗ sem resposta no endereço (falha {result.HealthChecksFailed})"));
        await Task.Delay(TimeSpan.FromMilliseconds(5), time, cancellationToken);
        return false;
    }

    /// <summary>Greetings at the address until one comes after others have not: the health check of somebody who has only the address.</summary>
    public async Task AwaitGreetingAsync(CancellationToken cancellationToken)
    {
        var (began, failedBefore, wasDown) = (time.GetTimestamp(), result.HealthChecksFailed, false);
        while (!await CheckAsync(cancellationToken) || !wasDown)
        {
            wasDown = wasDown || result.HealthChecksFailed > failedBefore;

            // A switch that was asked for may be over before anybody notices.
            if (!wasDown && result.Answer is not null)
            {
                return;
            }
        }

        result.Banner = (time.GetUtcNow() - result.FaultAt) is var since && since > TimeSpan.Zero ? since : time.GetElapsedTime(began);
    }

    /// <summary>Logins until another machine than the lost one answers. Returns its name.</summary>
    public async Task<string> AwaitAnswerAsync(DrillWorkspace workspace, string lost, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await workspace.LookAsync(TimeSpan.FromSeconds(5), cancellationToken) is { } sight && sight.HostName != lost)
            {
                result.Answer = time.GetUtcNow() - result.FaultAt;
                result.FilesOnStandby = sight.IntactFiles;
                log.Write(DrillLevel.Success, new(
                    $"✓ {sight.HostName} answers at the same address, {DrillServer.Seconds(result.Answer.Value)} after the fault",
                    $"✓ {sight.HostName} responde no mesmo endereço, {DrillServer.Seconds(result.Answer.Value)} após a falha"));
                MeasureLoss(sight);
                return sight.HostName;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), time, cancellationToken);
        }
    }

    // What was written after the fault on a machine that was cut off is another thing: it could not have been sent.
    private void MeasureLoss(DrillSight sight)
    {
        if (sight.LastStamp is not { } last)
        {
            return;
        }

        var age = result.FaultAt - last;
        result.Rpo = age > TimeSpan.Zero && result.Fault.NeedsCloud ? age : TimeSpan.Zero;
        log.Write(DrillLevel.Metric, new(
            $"RPO {DrillServer.Seconds(result.Rpo.Value)}; {result.FilesOnStandby} of {result.FilesWritten} files intact",
            $"RPO {DrillServer.Seconds(result.Rpo.Value)}; {result.FilesOnStandby} de {result.FilesWritten} arquivos íntegros"));
    }
}
