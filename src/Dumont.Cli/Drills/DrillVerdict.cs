namespace Dumont.Cli.Drills;

/// <summary>Whether a loss went as it should. Pure.</summary>
internal static class DrillVerdict
{
    /// <summary>Notes in the result what did not.</summary>
    public static void Judge(DrillResult result)
    {
        if (!result.Fault.IsLoss)
        {
            return;
        }

        result.LostAfterFault = result.Fault.ProgramsRunOn ? result.Detection + result.Switch : null;
        if (result.Answer is null)
        {
            result.Failures.Add(new("the standby never answered at the address", "a reserva nunca respondeu no endereço"));
        }

        if (result.Fault.NeedsCloud && result.Detection > DrillResult.DetectionLimit)
        {
            result.Failures.Add(new($"detection took {DrillServer.Seconds(result.Detection.Value)}", $"a detecção levou {DrillServer.Seconds(result.Detection.Value)}"));
        }

        if (result.Rpo is null || result.Rpo > DrillResult.RpoLimit)
        {
            result.Failures.Add(new($"the RPO is {(result.Rpo is { } rpo ? DrillServer.Seconds(rpo) : "?")}", $"o RPO é {(result.Rpo is { } loss ? DrillServer.Seconds(loss) : "?")}"));
        }

        if (result.FilesOnStandby < result.FilesSynced || (result.Recovers && result.FilesOnNewGpu < result.FilesSynced))
        {
            result.Failures.Add(new("a file that the standby had confirmed is not intact", "um arquivo que a reserva confirmou não está íntegro"));
        }
    }
}
