using Dumont.Contracts;

namespace Dumont.Server.Dashboard;

/// <summary>What is paid at present.</summary>
internal static class Costs
{
    /// <summary>$/h of an instance now: nothing for the GPU of one that is paused or failed. What a provider takes for the kept disk is not known.</summary>
    public static decimal RunningUsdPerHour(InstanceResponse instance) =>
        instance.Status is "paused" or "error" ? instance.CpuStandby?.DphTotal ?? 0 : instance.TotalDph;
}
