"""The words that this program may put into a sentence; `python -m tests.phrases --write` makes the list.

A word that is part of another is left out.
"""

from typing import Final

PHRASES: Final = """\
aallocationtime abia aborted about above absent acca accepted accesskey accessor account aclauthmethoddeleted
aclauthmethodupserted aclbindingruledeleted aclbindingruleupserted aclpolicydeleted aclpolicyupserted aclroledeleted
aclroleupserted acltokendeleted acltokens acltokenupserted acpu acquire acquiring added address administration again
agent ago ahead aiza akia algorithm allocated allocationcreated allocationupdatedesiredstatus alloccreated
allocmodifyindex allocupdatedesiredstatus allows alostafter already always ambiguous aminhealthytime annotations
another anystr apikey appended applied argument artifact asia astoponclientafter atlasv attached attachment attempts
attributes audiences authentication authorization auto awayseconds azure backend bad basespeed basicauth bbasic bbearer
because been before begin being below beneath beside between binds blank blbnnzac blockedeval blocks body bookkeeping
boolean bot bound broken buffered busy bytesfree bytestotal call came canaryallocs canceled cancelled cannot
capabilities capability causes cbt certificates cgkrxlmmn challenge changekind changerules changes character chat check
children claims classes clientdisconnect clients clock closed cluster coalesced collected command completed compressed
computedclass concern configuration configured conflict connectionstring constraint consul contains context controllers
cookies corrupted couldn counted cpushares crashed createindex createtime creating credentials creds crudjtib csiplugin
csivolumeclaim csivolumederegistered csivolumeregistered currenteval datacenters dckr deadline decoded decodes decoding
deeply default delay delivered denies deny deploymentallochealth deploymentid deploymentpromotion
deploymentstatusupdate depths derived deriving destination destpath destructiveupdate details device dial dict didn
difference digest dimensions disabled disallowed disconnected discord disk dispatched display distance doesn dop
download draining drivers dropped dsn due duplicate duration during dynamic earliest effects efps either embeddedtmpl
empty enabled encryption endpoint engine entries entry environment envvars eof equal errors escaped evaluated
evaluations evaluationupdated evalupdated events every evicted exceeded excerpt exchanged executable executed executing
exhausted exists exited expirationttl expired expiry external eyj facts failedtgallocs failing fails failures false far
fetch fewer ffct fields file filtered filterkeys find fingerprints first fix float folding follows followupevalid
forbidden forced found frames frequency from full gaps garbage generated getterheaders getteroptions ghz github global
glyph gocspx gone good googleapis gossip gov grace guessspeed had handshake happened harmful hash have hdnea hdntl
hdnts healthdescription heartbeatexpires held hide history hmac holds hooks hostip hostvolumedeleted
hostvolumeregistered htpasswd httpaddr https ids ifttt ignored illegal image imt inactive incomplete incorrect indexes
ineligible information initialized initializing inplaceupdate input inside instead insufficient integration internal
interrupted interval into invalidated ipv isn issued issuer items jetstream jobacl jobbatchderegistered jobderegistered
jobid jobmodifyindex jobregistered jobspecmodifyindex journal json judge jwksurl jwtvalidationpubkeys kib killed
killing kmgt ksbc label lacks large lastallocupdateindex lastheartbeatttl lastmissedheartbeatindex latin launched
leader least leeway left length less level license limited limits lines list little loaded logged logic login lone
longer lookup loose ltarget made main maker making malformed management many marked marks masked masking master matches
matching maximum maxspeed maxtokenttl may mbits meanwhile members memory mentioned mentions message metadata mhz mib
migrate mismatch missing mode modifytime moments more most mounting multiregion must namespaced namespaces natural
needed needs negotiate negotiation nested network never nextallocation nexteval nodederegistration nodedrain
nodeeligibility nodeevent nodeidentityttl nodepooldeleted nodepoolupserted noderegistration nodesnapshotindex
nodestreamevent noise nomadtokenid none nothing npm null number oas oauth object obtaining office offset
oidcdiscoveryurl only oom opened opening operand operation operator optional order org outlook output outside overflow
overlap overridetotalcompute overridewitholdcompute oversubscription pagerduty parameterized parentid parents parse
parsing parts pascal passcode passed passphrase passwords past pattern paused payload peer pem pending percent periodic
perl permissiondenied permissions permitted placedcanaries placement plain planresult please plugins policies ports
positions pousr powerplatform preemptedallocations preemptedbyallocation preemptions prevallocid previousallocation
previouseval prevnodeid priority privatekey problem progress prohibited promoted provided provider proxy ptt purged pwd
pypi queued quklw quotalimitreachedindex quoted raise rank rawtext reader reading realm reason rebuilt received
reconnected reconnects recording recreated redacted refreshing refused regex registry rejected relatedevals reloading
remedy remote removed renamed rendered rendering renewal renewing repaired repeated repeats repetition replaced
replaces reported requestedcapacitymaxbytes requestedcapacityminbytes required requires rescheduled reschedulelater
reschedulenow reset resolving resources response restarted restarting restarts restored restoring restricted retained
retries retrieved retrieving retrying returned returning revert revoked revoking roles rotated rotation routine rows
rpc rtarget running rzxktdje same sas satisfied sbr scale schedulable scheduler scheduling scheme sdk sealed secrets
see selected selector sentences sentinel separator sequence servers servicederegistration serviceregistration services
sessionid settings setup shared shorter should shown shows shp sibling signaled signaling signalled signature
signedidentities signing since sink size skipped slack slots smb snappy soat specification specified specs sshkey ssl
stable stagger stale statusdescription statusupdatedat stay steps still stopped storage strategy subject submitted
submittime subsystem successful such surrogatepass surrogates suspended sysbatch tags taskgroups taskstates tcp
telegram template temporary terminated tfn than that them there they this throttled timed timeout timestamp timezone
tlsv tokenlocality tokennameformat tokentype too topics totalbytes tracker transition tree triggered trouble true tui
uaocnx unable unauthenticated unauthorized unavailable unblocking unchanged undefined undetected unexpected unhealthy
unknown unlocked unmarshal unmounted unnamed unprocessable unreachable unreadable unrecognized unresolved unseal unset
unsigned unsubscribed unsupported until untrusted unwrapped unwrapping updates updatetime upstream user using utf
values variables variableupdated vault verification verified verify versiontag volumeid volumes waited waiting wanted
warning wasn wds webhook went were what when where whether whsec widths will within without won writer writing written
wrong xaa xapp xbf xox yes yet your zapier
"""
