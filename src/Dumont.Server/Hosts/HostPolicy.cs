namespace Dumont.Server.Hosts;

/// <summary>What our own experience with a host means.</summary>
internal static class HostPolicy
{
    /// <summary>How far back failures count against a host.</summary>
    public static readonly TimeSpan FailureWindow = TimeSpan.FromHours(24);

    /// <summary>How long a host that failed too often is hidden from everybody.</summary>
    public static readonly TimeSpan AutomaticDuration = TimeSpan.FromHours(24);

    private const int FailuresToHide = 3;
    private const int AttemptsToJudge = 3;

    /// <summary>Whether a host with so many failures in the window is to be hidden.</summary>
    public static bool IsToHide(long failuresInWindow) => failuresInWindow >= FailuresToHide;

    /// <summary>Share of attempts that came up; null without any.</summary>
    public static double? SuccessRate(long attempts, long successes) => attempts == 0 ? null : (double)successes / attempts;

    /// <summary>The rate as a word.</summary>
    public static string Status(long attempts, long successes) =>
        attempts < AttemptsToJudge
            ? "unknown"
            : SuccessRate(attempts, successes) switch
            {
                >= 0.95 => "excellent",
                >= 0.8 => "good",
                >= 0.5 => "fair",
                _ => "poor",
            };
}
